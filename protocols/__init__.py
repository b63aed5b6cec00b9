"""The protocols that come with vggstudy, as package data."""
