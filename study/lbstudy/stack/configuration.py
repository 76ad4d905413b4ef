"""Where the configuration files of the parts are."""

from pathlib import Path

from lbstudy.stack.errors import StackError

# Links to the repository's folders, which a wheel has as files.
_FILES = Path(__file__).with_name("files")


def configuration_folder() -> Path:
    """Return the folder that holds otel-collector/, jaeger/, prometheus/ and grafana/.

    Raises:
        StackError: they are not there, as where links cannot be checked out.
    """
    if not (_FILES / "otel-collector" / "config.yaml").is_file():
        raise StackError(f"no configuration of the stack in {_FILES}")
    return _FILES
