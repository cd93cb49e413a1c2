"""Each correction has a test, and that test fails without it: else it would prove nothing."""

import importlib
import io
import pkgutil
import unittest

import tests
from aws_emulator import corrections

from . import harness
from .proofs import PROOFS

for module in pkgutil.iter_modules(tests.__path__):
    importlib.import_module(f"tests.{module.name}")


class Proofs(unittest.TestCase):
    def test_each_correction_has_a_test(self) -> None:
        self.assertEqual(set(PROOFS), set(corrections.ALL))

    def test_each_test_of_a_correction_fails_without_it(self) -> None:
        for name, proofs in PROOFS.items():
            emulator = harness.Emulator(without=[name])
            try:
                with harness.instead(emulator):
                    for module, test_class, method in proofs:
                        with self.subTest(correction=name, test=method):
                            self.assertFalse(passes(module, test_class, method), "passes without the correction")
                            self.assertEqual(emulator.admin("GET", "health")["status"], "ok")
            finally:
                emulator.stop()


def passes(module: str, test_class: str, method: str) -> bool:
    test = getattr(importlib.import_module(module), test_class)(method)
    result = unittest.TextTestRunner(stream=io.StringIO()).run(test)
    return result.wasSuccessful()
