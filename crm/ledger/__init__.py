"""One Struct and one bulk statement for each table that the bridge alone writes."""
