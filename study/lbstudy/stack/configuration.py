"""Where the configuration files of the parts are."""

from pathlib import Path

from lbstudy.stack.errors import StackError

_INSTALLED = Path(__file__).with_name("files")  # in a wheel; see force-include in pyproject.toml
_REPOSITORY = Path(__file__).parents[3]  # in an editable installation


def configuration_folder() -> Path:
    """Return the folder that holds otel-collector/, jaeger/, prometheus/ and grafana/.

    Raises:
        StackError: this installation has none.
    """
    for folder in (_INSTALLED, _REPOSITORY):
        if (folder / "otel-collector" / "config.yaml").is_file():
            return folder
    raise StackError(f"no configuration of the stack, neither in {_INSTALLED} nor in {_REPOSITORY}")
