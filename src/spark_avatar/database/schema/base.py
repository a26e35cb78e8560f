"""What all tables belong to."""

from sqlalchemy import MetaData

metadata = MetaData(
    # Named constraints, as migrations can only alter what has a name.
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)
