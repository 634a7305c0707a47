"""Ids of ledger rows: made in crm.ledger.ids, so that what is reconstructed from files gets the same ones."""

from crm.ledger.ids import conversation_id, offer_id, pop_id, segment_id, transfer_id, voicemail_id, wait_id

__all__ = ["conversation_id", "offer_id", "pop_id", "segment_id", "transfer_id", "voicemail_id", "wait_id"]
