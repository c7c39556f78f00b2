"""`python -m almeno_client` is `almeno`."""

from almeno_client.cli import main

main()
