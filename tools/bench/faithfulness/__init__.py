"""How faithful the FORMEX reader is, beside other readers: their outputs in our record, and the table of measures."""
