"""What a study rests on: its runs, its amendments, when its hypotheses were stated."""

from __future__ import annotations

from vggstudy.analysis.sentences.kinds import Sentence

STUDY = {
    # What a study rests on: its runs, its amendments, when its hypotheses were stated.
    "rests_on": Sentence("protocol %(name)s, planned runs %(other)s (first digits of SHA-256)"),
    "rests_on_inputs": Sentence("inputs of all claims %(name)s (first digits of SHA-256)"),
    "all_planned_recorded": Sentence("all %(planned)s planned runs are recorded"),
    "planned_recorded": Sentence("%(n)s of %(planned)s planned runs are recorded"),
    "planned_missing": Sentence("%(n)s of %(planned)s planned runs are missing: %(names)s"),
    "planned_crashed": Sentence("%(n)s of %(planned)s planned runs crashed: %(names)s"),
    "records_damaged": Sentence("%(n)s records are damaged: %(names)s"),
    "no_longer_planned": Sentence(
        "%(n)s recorded runs are no longer planned by the protocol: %(names)s"
    ),
    "versions_differ": Sentence(
        "the runs were not all made by the same code, but by %(n)s versions: %(names)s"
    ),
    "never_amended": Sentence("the protocol was never amended"),
    "amended": Sentence(
        "the protocol was amended on %(date)s, after %(n)s of %(all)s runs: %(rules)s"
    ),
    "amended_in_words": Sentence("the protocol was amended on %(date)s in words only"),
    "not_put_in_force": Sentence(
        "the protocol differs from the one in force, after %(n)s of %(all)s runs: %(rules)s"
    ),
    "replicates_changed": Sentence("replicates %(a)s to %(b)s"),
    "plan_changed": Sentence("planned runs %(a)s to %(b)s"),
    "part_changed": Sentence("[%(name)s] changed"),
    "hypothesis_added": Sentence("hypothesis %(name)s added"),
    "hypothesis_changed": Sentence("hypothesis %(name)s changed"),
    "hypothesis_withdrawn": Sentence("hypothesis %(name)s withdrawn"),
    "amendment_touches": Sentence("the amendment of %(date)s touches %(rules)s"),
    "touches_all": Sentence("all claims"),
    "touches_factor": Sentence("claims on levels of %(factor)s that came or went, or over them"),
    "touches_outcome": Sentence("claims on %(factor)s"),
    "touches_learning": Sentence("levels needed or tolerated"),
    "touches_models": Sentence("the fitted models"),
    "touches_claim": Sentence("the claim %(claim)s"),
    "touches_verdicts": Sentence("the verdicts of all hypotheses, which share one error rate"),
    "added_looked": Sentence(
        "added after %(n)s of %(all)s runs, when results had been looked at (first on %(date)s)"
    ),
    "changed_looked": Sentence(
        "changed after %(n)s of %(all)s runs, when results had been looked at (first on %(date)s)"
    ),
    "added_late": Sentence("added after %(n)s of %(all)s runs"),
    "changed_late": Sentence("changed after %(n)s of %(all)s runs"),
    "not_known_before": Sentence("not known to have been stated before %(n)s of %(all)s runs"),
    "stated_unknown": Sentence("the runs came as a table, which does not say when it was stated"),
    "hypothesis_late": Sentence("hypothesis %(name)s: %(text)s"),
    "hypothesis_registered": Sentence(
        "hypothesis %(name)s: stated on %(date)s, before there was any run"
    ),
    "receipt": Sentence(
        "receipt %(name)s of %(date)s: protocol %(other)s, when %(n)s runs were recorded"
    ),
    "receipt_damaged": Sentence("receipt %(name)s is damaged: %(other)s"),
    "receipt_of_another": Sentence(
        "receipt %(name)s is of a protocol that was never in force: %(other)s"
    ),
    "receipt_of_before": Sentence(
        "the protocol has changed since its last receipt, %(name)s of %(date)s"
    ),
    "receipt_of_other_runs": Sentence(
        "the table is not the one of %(n)s runs that receipt %(name)s is of"
    ),
    "receipt_at_odds": Sentence(
        "receipt %(name)s is at odds with the study: it tells of another plan or hypothesis"
    ),
    "stamp_kept": Sentence(
        "receipt %(name)s: a time stamp is kept with it, which 'vggstudy verify' checks"
    ),
    "stamp_holds": Sentence(
        "receipt %(name)s: time-stamped on %(date)s by %(other)s, when %(n)s of %(all)s runs had "
        "begun; by certificates with the SHA-256 %(level)s"
    ),
    "stamp_holds_alone": Sentence(
        "receipt %(name)s: time-stamped on %(date)s by %(other)s; by certificates with the SHA-256 "
        "%(level)s"
    ),
    "stamp_open": Sentence("receipt %(name)s: its time stamp cannot be checked: %(other)s"),
    "stamp_wrong": Sentence("receipt %(name)s: its time stamp does not hold: %(other)s"),
    "witness_named": Sentence(
        "receipt %(name)s: to be found in %(other)s, as its authors say; not looked up"
    ),
    "witness_holds": Sentence("receipt %(name)s: held by %(other)s of %(date)s"),
    "witness_wrong": Sentence("receipt %(name)s: not held by %(other)s: %(level)s"),
    "no_journal": Sentence("there is no journal: deletions, reruns and looks do not show"),
    "journal_is": Sentence("journal of %(n)s entries, the last of %(date)s: %(name)s"),
    "journal_late": Sentence("the journal begins on %(date)s, when there were %(n)s runs already"),
    "journal_edited": Sentence("line %(n)s of the journal is not what was written"),
    "journal_gap": Sentence("lines are missing from the journal before line %(n)s"),
    "journal_fork": Sentence(
        "line %(n)s of the journal follows an earlier one: two wrote at once, or it was put in"
    ),
    "journal_repaired": Sentence("torn lines of the journal that a later entry names: %(n)s"),
    "journal_torn": Sentence(
        "the last line of the journal is torn (%(n)s bytes); the next entry names it"
    ),
    "journal_lost": Sentence("the journal no longer holds the entry that receipt %(name)s names"),
    "amendment_gone": Sentence(
        "the journal knows an amendment of %(date)s, to protocol %(name)s, which the study hides"
    ),
    "results_gone": Sentence(
        "%(n)s results that the journal knows are gone from the records: %(names)s"
    ),
    "results_replaced": Sentence("%(n)s records are not those that the journal knows: %(names)s"),
    "results_twice": Sentence("%(n)s runs came to a result more than once: %(names)s"),
    "results_beside": Sentence(
        "%(n)s records are not in the journal, which the next 'vggstudy run' notes: %(names)s"
    ),
    "attempts_crashed": Sentence("%(n)s attempts crashed, %(k)s were made again"),
    "looked_at": Sentence(
        "results were looked at %(k)s times, first on %(date)s with %(n)s of %(all)s results"
    ),
    "never_looked_at": Sentence("the journal knows of no look at the results"),
    "manifest_damaged": Sentence("the manifest of the pack is damaged: %(other)s"),
    "manifest_differs": Sentence("the pack is not what its manifest says: %(other)s"),
    "manifest_holds": Sentence("the pack is what its manifest says: %(n)s files, root %(name)s"),
    "not_signed": Sentence("the manifest of the pack is not signed"),
    "signature_kept": Sentence("the manifest is signed, which 'vggstudy verify' checks"),
    "signature_open": Sentence("the signature of the manifest cannot be checked: %(other)s"),
    "signature_wrong": Sentence("the signature of the manifest does not hold: %(other)s"),
    "signature_holds": Sentence(
        "the manifest is signed by the key %(name)s; whose that is, --signers tells"
    ),
    "signature_trusted": Sentence("the manifest is signed by %(name)s"),
    "change_unknown": Sentence("what was there before is not known"),
    # The environment of the runs.
    "runs": Sentence("%(n)s runs"),
    "unknown_device": Sentence("unknown device"),
}
