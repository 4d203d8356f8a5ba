"""Both ends rekey at once, and one of them is strongSwan; on a way that takes its time."""
import pytest

from lab import BUILD, until
from test_strongswan import bed, stopped  # noqa: F401  fixtures

# The Initiator has the SA half a round trip later, and its margin is half: it rekeys 3.9 s after the
# Responder had it, which rekeys after 4 s, and either request is 0.4 s under way.
DELAY_MS, REKEY_S = 400, 4
OURS = {"rekeymargin": 5, "rekeyfuzz": "0%"}

COLLISION = {"--child": "detected CHILD_REKEY collision with CHILD_REKEY",
             "--ike": "detected IKE_REKEY collision with IKE_REKEY"}


@pytest.fixture(scope="module")
def slow(lab):
    lab.delay(BUILD / "bench" / "delay", DELAY_MS)


@pytest.mark.parametrize("what, ours, theirs", [
    ("--child", "keylife", {"child": f"rekey_time = {REKEY_S}s\n rand_time = 0\n life_time = 30s"}),
    ("--ike", "ikelifetime", {"more": f"rekey_time = {REKEY_S}s\n rand_time = 0\n over_time = 30s"}),
])
def test_both_rekey_at_once(bed, slow, what, ours, theirs):  # noqa: F811
    bed.ours(**{ours: 6}, **OURS)
    bed.theirs(**theirs)
    bed.start()
    bed.begin("us")
    before, began = bed.spis(what), len(bed.east.log())
    with bed.stream() as stream:
        until("they collide", lambda: COLLISION[what] in bed.east.log()[began:], timeout=20)
        until("the old ones are gone", lambda: bed.spis(what) and not bed.spis(what) & before,
              timeout=10)
    assert not stream.lost()
    assert bed.spis(what)
