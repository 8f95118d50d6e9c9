"""The bundled model, and how any model is loaded."""
