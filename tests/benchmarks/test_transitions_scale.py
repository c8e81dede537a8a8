from benchmarks.transitions_scale import made_log, measure


def test_a_small_log_is_counted_and_ranked() -> None:
    figures = measure(n_items=200, n_events=5_000, n_users=16)

    assert 0 < figures["n_entries"] <= 200 * 32
    assert figures["peak_mib"] >= figures["log_mib"] > 0


def test_half_of_the_events_follow_the_one_before() -> None:
    log = made_log(n_items=5_000, n_events=50_000)

    pairs = set(zip(log[:, :-1].ravel().tolist(), log[:, 1:].ravel().tolist(), strict=True))
    # Independent events would hardly repeat a pair: far fewer distinct ones than pairs show that followers are fixed.
    assert len(pairs) < 0.9 * log[:, 1:].size
