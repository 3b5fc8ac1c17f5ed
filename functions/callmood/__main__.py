"""Run the command line: `python -m callmood`."""

from callmood.cli.app import app

if __name__ == "__main__":
    app(prog_name="callmood")
