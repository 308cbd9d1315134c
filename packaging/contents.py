"""What stays out of the program's folder: parts of its libraries that no line of ours can reach."""

from fnmatch import fnmatch

LEFT_OUT = (
    # OpenVINO: other devices, and readers of formats that we never read; graphs are drawn from our own tensors.
    "openvino/libs/*_gpu_plugin*",
    "openvino/libs/*_npu_plugin*",
    "openvino/libs/*_auto*plugin*",
    "openvino/libs/*_hetero_plugin*",
    "openvino/libs/*openvino_c.*",
    "openvino/libs/*_onnx_frontend*",
    "openvino/libs/*_paddle_frontend*",
    "openvino/libs/*_pytorch_frontend*",
    "openvino/libs/*_tensorflow*frontend*",
    "openvino/libs/*_jax_frontend*",
    "openvino/libs/*_gguf_frontend*",
    "openvino/libs/cache.json",
    "openvino/libs/*.pc",
    "openvino/frontend/*",
    # OpenCV: on Windows its video library is a file of its own, opened when a video is.
    "cv2/opencv_videoio_ffmpeg*",
    "numpy/_core/_simd.*",  # numpy's tests of its own kernels
    # Qt: the window is made of widgets alone.
    "PySide6/Qt/lib/libQt6Qml*",
    "PySide6/Qt/lib/libQt6Quick*",
    "PySide6/Qt/lib/libQt6Pdf*",
    "PySide6/Qt/lib/libQt6VirtualKeyboard*",
    "PySide6/Qt/lib/libQt6Network*",
    "PySide6/Qt/plugins/platforminputcontexts/*virtualkeyboard*",
    "PySide6/Qt/plugins/imageformats/*pdf*",
    "PySide6/Qt/plugins/imageformats/*webp*",
    "PySide6/Qt/plugins/imageformats/*tiff*",
    "PySide6/Qt/plugins/networkinformation/*",
    "PySide6/Qt/plugins/tls/*",
    "PySide6/Qt/plugins/generic/*",
    "PySide6/Qt/plugins/egldeviceintegrations/*",
    "PySide6/Qt/plugins/platforms/*eglfs*",
    "PySide6/Qt/plugins/platforms/*linuxfb*",
    "PySide6/Qt/plugins/platforms/*vnc*",
    "PySide6/QtNetwork*",
    "libQt6Network.so*",
    # Pillow reads and writes PNG and JPEG for us.
    "PIL/_avif*",
    "PIL/_webp*",
    "pillow.libs/libavif*",
    "pillow.libs/libwebp*",
    "PySide6/Qt/plugins/platformthemes/*gtk3*",
    # Films of other people, and files for developers.
    "pydicom/data/test_files/*",
    "*/tests/*",
    "*.pyi",
    "*.h",
)

# Of imagecodecs, the codecs of DICOM's syntaxes, PNG and TIFF (engine/film/codecs.py), and the libraries they link to.
_KEPT_CODECS = (
    *(f"imagecodecs/_{name}.*" for name in ("imcd", "jpeg2k", "jpeg8", "jpegls", "ljpeg", "htj2k", "png", "zlib")),
    "imagecodecs/_shared*",
    *(f"imagecodecs.libs/lib{name}-*" for name in ("jpeg", "charls", "openjp2", "lcms2", "openjph", "png16", "z")),
)
_NATIVE = (".so", ".pyd", ".dll", ".dylib")

_TRANSLATIONS = "PySide6/Qt/translations/"
_KEPT_TRANSLATIONS = ("qtbase_de.qm", "qtbase_en.qm")


def is_left_out(path: str) -> bool:
    """Whether a file, by its place in the folder, stays out."""
    path = path.replace("\\", "/")
    if path.startswith(_TRANSLATIONS):
        return not path.endswith(_KEPT_TRANSLATIONS)
    if path.startswith("imagecodecs") and any(kind in path for kind in _NATIVE):
        return not any(fnmatch(path, pattern) for pattern in _KEPT_CODECS)
    return any(fnmatch(path, pattern) for pattern in LEFT_OUT)
