"""A linear model in the place of the language model that parses: an easier learner of the same made sentences.

It is trained in seconds, and says what the frames of the training can teach at most. Its features are the words of what
a language model reads: of a name, the words around it and their distance; of a sentence, its words and pairs of words.
"""

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Final

from sklearn.feature_extraction import DictVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline

from edge_runtime import Recommender
from edge_runtime.conversation.decisions import ASKED, MAX_NAMES, ROLES, Decision, lines, names_of, prompt
from edge_runtime.conversation.lexicon import Lexicon
from edge_runtime.conversation.scanning import Element
from train.reasons.said_corpus import make_said_corpus

N_SENTENCES: Final = 3000
_WORD: Final = re.compile(r"<\w+>|[^\s,.]+|[,.]")

Features = dict[str, float]


class LinearDecider:
    """Decides what a sentence asks for, as a language model would.

    Args:
        recommender: of the bundle whose catalogue it is trained on.
        n_sentences: number of made sentences.
    """

    def __init__(self, recommender: Recommender, n_sentences: int = N_SENTENCES) -> None:
        release = recommender._in_use()
        corpus = list(make_said_corpus(release.items, release.contents.popularity.levels, n_sentences, 0))
        of_names: list[tuple[Features, str]] = []
        of_sentences: list[tuple[Features, str]] = []
        for example in corpus:
            *named, asked = (line.rpartition(" ")[::2] for line in example.reason.splitlines())
            of_names += [(_of_name(line), role) for line, role in named]
            of_sentences.append((_of_sentence(example.prompt, [role for _, role in named]), asked[1]))
        self._role, self._asked = _fitted(of_names), _fitted(of_sentences)

    def __call__(self, elements: Sequence[Element], lexicon: Lexicon) -> Decision | None:
        """Return the decision about a sentence."""
        if len(names_of(elements)) > MAX_NAMES:
            return None
        named = [_of_name(those[0].rpartition(" ")[0]) for those in lines(elements, lexicon)[:-1]]
        found = [str(role) for role in self._role.predict(named)] if named else []
        asked = str(self._asked.predict([_of_sentence(prompt(elements, lexicon), found)])[0])
        roles = tuple(role for one in found for role in ROLES if role == one)
        return Decision(roles, next(one for one in ASKED if one == asked))


def _fitted(examples: Sequence[tuple[Features, str]]) -> Pipeline:
    model: Any = make_pipeline(DictVectorizer(), LogisticRegression(C=2.0, max_iter=300))
    return model.fit([features for features, _ in examples], [label for _, label in examples])


def _of_name(line: str) -> Features:
    """Return the features of the line of a name."""
    after, _, before = line.rpartition("| ")
    words, following = _WORD.findall(before.removesuffix(" =")), _WORD.findall(after)
    n_own = 2 if words[-1:] == ["<everyday>"] else 1
    own, words = words[-n_own:], words[:-n_own][::-1]
    features = {f"own {word}": 1.0 for word in own}
    for side, those in (("before", words), ("after", following)):
        features |= {f"{side} {word}": 1.0 for word in those}
        features |= {f"{side} {at} {word}": 1.0 for at, word in enumerate(those)}
        features[f"{side} pair {those[:2]}"] = 1.0
    features[f"before own {words[:1]} {own[-1:]}"] = 1.0
    return features


def _of_sentence(text: str, roles: Sequence[str]) -> Features:
    words = _WORD.findall(text.split("said: ", 1)[1].split("\n", 1)[0])
    features = {f"word {word}": 1.0 for word in words} | {f"role {role}": 1.0 for role in roles}
    features |= {f"pair {first} {second}": 1.0 for first, second in pairwise(words)}
    return features | {f"first {words[:1]}": 1.0, "length": len(words) / 10, "no name": float(not roles)}
