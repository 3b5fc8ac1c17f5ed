"""Use cases: process, erase, reprocess, backfill, and publish."""
