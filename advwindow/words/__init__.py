"""Words: spaces of word vectors, and the way from a class label to its word."""

from advwindow.words.loaders import WORD_SPACES, load_words, word_refs
from advwindow.words.resolution import Resolution, ResolvedLabel
from advwindow.words.resolve import resolve
from advwindow.words.space import WordSpace
from advwindow.words.spellings import Step

__all__ = ["WORD_SPACES", "Resolution", "ResolvedLabel", "Step", "WordSpace", "load_words", "resolve", "word_refs"]
