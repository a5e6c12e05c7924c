"""Published files: found, fetched once, verified, kept in the user's cache folder."""
