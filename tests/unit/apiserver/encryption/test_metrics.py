"""What encryption counts."""

from kybern.apiserver.encryption.metrics import FROM_STORAGE, KEYS_LIMIT, TO_STORAGE, EncryptionMetrics
from kybern.base.clock import SystemClock
from kybern.metrics.family import render


def _text(metrics: EncryptionMetrics) -> str:
    return render(metrics.families()).decode()


def test_uses_of_keys_are_told_by_their_hashes() -> None:
    metrics = EncryptionMetrics(SystemClock())
    for _ in range(3):
        metrics.used(TO_STORAGE, "vault", "secret name of a key", 5.0)
    metrics.used(FROM_STORAGE, "vault", "secret name of a key", 7.5)
    text = _text(metrics)
    assert "secret name" not in text
    (line,) = [line for line in text.splitlines() if "key_id_hash_total{" in line and TO_STORAGE in line]
    assert line.endswith(" 3")
    assert 'key_id_hash="sha256:' in line
    assert 'apiserver_id_hash="sha256:' in line
    (line,) = [line for line in text.splitlines() if "_hash_last_timestamp_seconds{" in line and FROM_STORAGE in line]
    assert line.endswith(" 7.5")


def test_keys_have_a_limit() -> None:
    metrics = EncryptionMetrics(SystemClock())
    for number in range(3 * KEYS_LIMIT):
        metrics.used(TO_STORAGE, "vault", str(number), 5.0)
        metrics.key_told("vault", str(number), 5.0)
    text = _text(metrics)
    for name in ("key_id_hash_total{", "key_id_hash_status_last_timestamp_seconds{"):
        assert text.count(name) == KEYS_LIMIT


def test_the_configuration_in_use_is_one() -> None:
    metrics = EncryptionMetrics(SystemClock())
    metrics.configured(b"one")
    metrics.configured(b"two")
    assert _text(metrics).count("last_config_info{") == 1
