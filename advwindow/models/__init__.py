"""Image classifiers: one shape for every network, layers by name, fast copies for gradients, loaders."""

from advwindow.models.classifier import Classifier, evaluating
from advwindow.models.layers import LayerInfo, default_layers, first_tensor, select_layers, trace_layers
from advwindow.models.loaders import load_model, model_refs
from advwindow.models.prepare import in_fast_format, memory_formats, prepare, recall_memory_formats
from advwindow.models.reduced import Reduced, reduced
from advwindow.models.residual import ResidualNet
from advwindow.models.trained import channel_statistics, trained_bytes, untrained

__all__ = [
    "Classifier",
    "LayerInfo",
    "Reduced",
    "ResidualNet",
    "channel_statistics",
    "default_layers",
    "evaluating",
    "first_tensor",
    "in_fast_format",
    "load_model",
    "memory_formats",
    "model_refs",
    "prepare",
    "recall_memory_formats",
    "reduced",
    "select_layers",
    "trace_layers",
    "trained_bytes",
    "untrained",
]
