"""Many runs on one device at a time: recorded, driven by one thread, within its memory."""
