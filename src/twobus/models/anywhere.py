"""MLflow where it is installed below a folder with a % in its name."""


def let_mlflow_be_anywhere() -> None:
    """Let MLflow work where it is installed below a folder with a % in its name.

    It hands the place of its own files to Alembic, whose settings give a % a meaning,
    as it is; only in addresses of databases it doubles each %, as Alembic wants it.
    """
    import mlflow

    if "%" not in mlflow.__file__:
        return
    from alembic import config

    class Config(config.Config):
        def set_main_option(self, name: str, value: str) -> None:
            plain = "%" in value.replace("%%", "")
            super().set_main_option(name, value.replace("%", "%%") if plain else value)

    # Where MLflow looks for it, each time.
    config.Config = Config  # type: ignore[misc]
