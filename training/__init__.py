"""The AdaLoRA and quantization-aware recipe. Produces one checkpoint for the engine."""
