"""`python -m spark_avatar`."""

from spark_avatar.cli.app import main

main()
