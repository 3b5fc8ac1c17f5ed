"""Run the program: `python -m model COMMAND`."""

from model.cli.app import app

if __name__ == "__main__":
    app()
