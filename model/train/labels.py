"""Which tokens of an answer are other than the caption's: in a wrong line they may count more. Owns
no arrays, so that it is tested on the standard library alone."""


def changed_of(caption, answer):
    """Of each token of `answer` (with its end): it does not stand behind the same token, or
    beginning, as somewhere in `caption`, whose end is the answer's."""
    known = set(zip([None] + caption, caption + answer[-1:]))
    return [pair not in known for pair in zip([None] + answer, answer)]
