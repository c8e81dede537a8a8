"""Compares a short word with one that it may stand for."""


def is_one_error(word: str, other: str) -> bool:
    """Return whether two words that begin alike are one dropped, added, different or swapped letter apart."""
    if word == other or word[:1] != other[:1] or abs(len(word) - len(other)) > 1:
        return False
    shorter, longer = sorted((word, other), key=len)
    same = 0
    while same < len(shorter) and shorter[same] == longer[same]:
        same += 1
    if len(shorter) < len(longer):
        return shorter[same:] == longer[same + 1 :]
    swapped = longer[:same] + longer[same + 1 : same + 2] + longer[same : same + 1] + longer[same + 2 :]
    return shorter[same + 1 :] == longer[same + 1 :] or shorter == swapped
