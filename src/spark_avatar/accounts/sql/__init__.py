from spark_avatar.accounts.sql.keys import SqlKeyStore as SqlKeyStore
