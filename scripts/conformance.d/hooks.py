"""What the requests of chance need to know beyond the OpenAPI document: how names are made, and who may ask."""
import os

import schemathesis
from hypothesis import strategies

import servers

ADDRESS = os.environ["DUET_CONFORMANCE_ADDRESS"]
ISSUER_KEY = os.environ.get("DUET_CONFORMANCE_ISSUER_KEY")

# docs/protocol.md says what is in a name. Each of these is a letter, a sign or a syllable that any name may consist of.
SIGNS = [*"abcxyzABC019", *"-_.@/?#%&+:", "é", "ß", "я", "京", "都", "한", "ひ", "א", "ع", "ก", "👩‍🚀", "👍"]


def names(most):
    """Texts of up to `most` bytes: signs, with single spaces between words."""
    words = strategies.lists(strategies.sampled_from(SIGNS), min_size=1, max_size=8).map("".join)
    return strategies.lists(words, min_size=1, max_size=4).map(" ".join).filter(lambda name: len(name.encode()) <= most)


visible = strategies.characters(min_codepoint=0x21, max_codepoint=0x7E)
# The room may not be `.` or `..` in a path, which HTTP clients take for steps within it.
schemathesis.openapi.format("duet-room", names(128).filter(lambda name: name not in (".", "..")))
schemathesis.openapi.format("duet-user", names(64))
schemathesis.openapi.format("duet-email", names(254) | strategies.just(""))
schemathesis.openapi.format("duet-message-id", strategies.text(visible, min_size=1, max_size=255))
words = strategies.sampled_from(["deploy", "Ä", "été", "京", "a1", "-", "x@y"])
schemathesis.openapi.format("duet-words", strategies.lists(words, max_size=4).map(lambda words: " ".join(["a", *words])))


@schemathesis.hook
def before_call(context, case, kwargs):
    """OpenAPI cannot say that two parameters do not go together. Tests of our own ask for both."""
    query = case.query or {}
    if str(query.get("after")).isdecimal() and str(query.get("before")).isdecimal():
        del query["before"]
    # JSON Schema takes 60.0 for a whole number, which the server does not.
    if isinstance(case.body, dict) and isinstance(seconds := case.body.get("expires_in"), float) and seconds.is_integer():
        case.body["expires_in"] = int(seconds)


@schemathesis.auth(refresh_interval=None)
class Tokens:
    """Gives each request a token for its room; on a closed server the issuer's key gets it."""

    def get(self, case, context):
        if case.operation.path == "/generate-token":
            return ISSUER_KEY
        room = (case.path_parameters or {}).get("room_id")
        if room is None and isinstance(case.body, dict):
            room = case.body.get("room_id")
        key = {"Authorization": f"Bearer {ISSUER_KEY}"} if ISSUER_KEY else {}
        try:
            return servers.token(ADDRESS, room, **key)
        except (OSError, UnicodeError, TypeError):
            # No room can have that name. The request goes out all the same.
            return None

    def set(self, case, token, context):
        if token is not None:
            case.headers = {**(case.headers or {}), "Authorization": f"Bearer {token}"}
