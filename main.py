"""dimjax from its repository: `python main.py VERB --flag=value ...` is `dimjax VERB ...`."""

from dimjax.commands import start

if __name__ == "__main__":
    start.main()
