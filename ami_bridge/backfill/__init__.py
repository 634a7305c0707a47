"""What happened while nobody looked, reconstructed from Asterisk's own files.

files.py reads whole lines across rotation; telling.py turns the lines of queue_log and CEL into the events that AMI
would have sent; retelling.py plays them to a floor of their own, so that the rules and the ids are those of the live
floor; merging.py compares what came of it with the ledger; filling.py reads and writes. What was seen live is never
overwritten: rows are added, or completed where the ledger says that it lost sight.
"""
