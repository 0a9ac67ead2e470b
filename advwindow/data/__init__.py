"""Labelled images: stable ids, pixels in [0, 1], labels with names; loaders, and matching with a network's classes."""

from advwindow.data.images import LabelledImages
from advwindow.data.loaders import image_refs, load_images
from advwindow.data.matching import match_labels

__all__ = ["LabelledImages", "image_refs", "load_images", "match_labels"]
