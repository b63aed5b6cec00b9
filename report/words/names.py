"""Words for the names that the data use: the only place that translates column names."""

from __future__ import annotations

import re

from vggstudy.report.words.i18n import gettext, mark

NAMES = {
    "accuracy": mark("accuracy"),
    "batch_norm": mark("batch normalisation"),
    "batch_size": mark("batch size"),
    "confidence": mark("confidence"),
    "curve_stability": mark("curve stability"),
    "data_norm": mark("data normalisation"),
    "depth": mark("depth"),
    "dropout": mark("dropout"),
    "ensemble_accuracy": mark("ensemble accuracy"),
    "ensemble_gain": mark("ensemble gain"),
    "epochs": mark("epochs"),
    "epochs_to_target": mark("epochs"),
    "final_gradient_norm": mark("final gradient norm"),
    "final_lr": mark("final learning rate"),
    "final_test_accuracy": mark("final test accuracy"),
    "final_test_loss": mark("final test loss"),
    "final_train_accuracy": mark("final training accuracy"),
    "final_train_loss": mark("final training loss"),
    "final_val_accuracy": mark("final validation accuracy"),
    "final_val_loss": mark("final validation loss"),
    "generalisation_gap": mark("generalisation gap"),
    "generalisation_gap_loss": mark("generalisation gap of the loss"),
    "init": mark("initialisation"),
    "initial_lr": mark("initial learning rate"),
    "intercept": mark("intercept"),
    "label_rule": mark("label rule"),
    "loss": mark("loss"),
    "lr": mark("learning rate"),
    "method": mark("method"),
    "model": mark("model"),
    "momentum": mark("momentum"),
    "optimizer": mark("optimizer"),
    "outcome": mark("outcome"),
    "parameters": mark("parameters"),
    "parameters_and_statistics": mark("parameters and statistics"),
    "peak_memory_bytes": mark("peak memory in bytes"),
    "precision": mark("precision"),
    "resamples": mark("resamples"),
    "scheduler": mark("scheduler"),
    "seconds": mark("seconds"),
    "seconds_per_epoch": mark("seconds per epoch"),
    "seconds_to_target": mark("seconds"),
    "seed": mark("seed"),
    "selected_epoch": mark("selected epoch"),
    "steps": mark("steps"),
    "steps_to_target": mark("steps"),
    "test_accuracy": mark("test accuracy"),
    "test_balanced_accuracy": mark("balanced test accuracy"),
    "test_loss": mark("test loss"),
    "train_accuracy": mark("training accuracy"),
    "train_loss": mark("training loss"),
    "train_loss_stability": mark("stability of the training loss"),
    "val_accuracy": mark("validation accuracy"),
    "val_loss": mark("validation loss"),
    "weight_decay": mark("weight decay"),
    "width": mark("width"),
    "worst_recall": mark("worst recall"),
}
"""Names that the report has words for; every other name loses its underscores."""

METHODS = {
    "basic_bootstrap": mark("basic bootstrap"),
    "best_by_comparisons": mark("comparisons with the best"),
    "blocks_t": mark("Student t on blocks"),
    "bca_bootstrap": mark("BCa bootstrap"),
    "beta_product": mark("beta product"),
    "calibrated_bootstrap": mark("calibrated bootstrap"),
    "cells_t": mark("Student t on cells"),
    "clopper_pearson": mark("Clopper-Pearson"),
    "clopper_pearson_effective": mark("Clopper-Pearson on the effective number of runs"),
    "clopper_pearson_of_pairs": mark("Clopper-Pearson on pairs"),
    "exact_difference": mark("exact, Buehler's limits"),
    "exact_difference_effective": mark("Buehler's limits on the effective number of runs"),
    "feng_cliff": mark("Feng and Cliff"),
    "fieller_cell": mark("Fieller"),
    "fieller_firth": mark("Fieller on Firth's estimates"),
    "hartung_knapp": mark("random effects, Hartung and Knapp"),
    "log_rank": mark("log-rank test"),
    "hedges_g_hedges_olkin": mark("Hedges and Olkin"),
    "hettmansperger_sheather": mark("Hettmansperger and Sheather"),
    "influence_t": mark("t on influence values"),
    "max_t": mark("max-t"),
    "kendall_score": mark("score interval of Kendall's tau"),
    "lee_bounds": mark("Lee bounds"),
    "mann_whitney_score": mark("score limits, at least Feng and Cliff's"),
    "mid_p": mark("mid-p"),
    "mover_clopper_pearson": mark("MOVER on Clopper-Pearson limits"),
    "mover_clopper_pearson_effective": mark(
        "MOVER on Clopper-Pearson limits of the effective number of runs"
    ),
    "mover_improvement": mark("MOVER on score limits"),
    "mover_product": mark("MOVER"),
    "mover_wilson": mark("MOVER on Wilson limits"),
    "mover_wilson_effective": mark("MOVER on Wilson limits of the effective number of runs"),
    "next_block_t": mark("a new block"),
    "newcombe": mark("Newcombe"),
    "newcombe_effective": mark("Newcombe on the effective number of runs"),
    "paired_seeds": mark("Student t on seeds, at least MOVER on pairs"),
    "percentile_bootstrap": mark("percentile bootstrap"),
    "prediction_order_statistics": mark("order statistics"),
    "prediction_t": mark("Student t of one more run"),
    "probability_of_improvement": mark("from Cliff's delta"),
    "profile_penalised_likelihood": mark("profile penalised likelihood"),
    "satterthwaite": mark("Satterthwaite"),
    "seed_clusters_t": mark("t on clusters of seeds"),
    "seeds_t": mark("Student t on seeds"),
    "student_t": mark("Student t"),
    "studentized_bootstrap": mark("studentized bootstrap"),
    "tost_by_cell": mark("two one-sided t tests by cell"),
    "tost_by_seed": mark("two one-sided t tests by seed"),
    "tost_by_pair": mark("two one-sided t tests by pair"),
    "welch": mark("Welch"),
    "within_blocks": mark("these blocks alone"),
    "wilson": mark("Wilson"),
}
"""How an interval was made; every other name loses its underscores."""


BONFERRONI = "_bonferroni"
"""Behind the method of an interval that has its share of a family's error."""

CLAIM_ID = r"(?<![\w.])[A-Za-z][\w%]*\.[A-Za-z][\w%]*(?:[\w.*@=,+%-]*[\w%])?"
"""A claim's id within a sentence, without the punctuation that follows it."""


def method_words(method: str | None) -> str:
    """The method of an interval in words."""
    if method is None:
        return "–"
    if method.endswith(BONFERRONI):
        alone = method_words(method.removesuffix(BONFERRONI))
        return gettext("%(method)s, Bonferroni") % {"method": alone}
    return gettext(METHODS[method]) if method in METHODS else method.replace("_", " ")


def friendly(name: str) -> str:
    """A column's name in words."""
    if name in NAMES:
        return gettext(NAMES[name])
    return name.replace("_", " ").strip() or name


def capitalise(text: str) -> str:
    """The text with its first letter upper case and the rest untouched."""
    return text[:1].upper() + text[1:]


def in_words(text: str) -> str:
    """A phrase of the analysis with words for columns; claim ids stay as they are."""
    name = r"\b[A-Za-z]+(?:_[A-Za-z0-9]+)+\b"
    return re.sub(
        rf"{CLAIM_ID}|({name})", lambda match: friendly(match[1]) if match[1] else match[0], text
    )
