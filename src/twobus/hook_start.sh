# Files have names in all letters, whatever the locale says.
export PYTHONUTF8=1
if [ ! -x "$INSTALL_PYTHON" ]; then
    echo "This folder has no environment yet: run uv run poe setup here, then commit again." 1>&2
    exit 1
fi
