"""Tests of the emulator, over real HTTP. `harness` starts servers; `proofs` ties each correction to its tests."""
