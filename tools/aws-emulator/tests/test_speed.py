"""What is made fast answers as before. That the answers of whole calls stay the same is what all other tests show."""

import unittest

import xmltodict
from moto.iam.models import iam_backends

from aws_emulator import speed

ACCOUNT = "444455550001"


class Speed(unittest.TestCase):
    def test_an_answers_xml_is_what_xmltodict_makes_of_it(self) -> None:
        item = {"id": "eni-1", "text": "a < b & \"c\"", "none": None, "empty": "", "no": False, "zero": 0, "set": {}}
        body = {"Answer": {"@xmlns": 'of "us" & them', "set": {"item": [item, {}, "plain", 1.5]}, "lost": [], "n": 7}}
        expected = xmltodict.unparse(body, full_document=True, pretty=False, short_empty_elements=True)
        self.assertEqual(speed.write_xml(None, body), expected)

    def test_a_template_is_read_once_and_no_caller_sees_what_another_one_changes(self) -> None:
        read = []

        def parse(template: str) -> dict[str, list[str]]:
            read.append(template)
            return {"Resources": []}

        copies = speed.copying(parse)
        copies("one")["Resources"].append("changed")
        self.assertEqual((copies("one"), copies("two"), read), ({"Resources": []}, {"Resources": []}, ["one", "two"]))

    def test_a_key_is_looked_for_once_and_again_when_it_is_gone_or_was_never_found(self) -> None:
        asked = []

        def find(key: str) -> str:
            asked.append(key)
            return ACCOUNT

        account_of, backend = speed.remembering(find), iam_backends[ACCOUNT]["aws"]
        self.assertEqual([account_of("key"), account_of("key")], [ACCOUNT, ACCOUNT])
        self.assertEqual(len(asked), 2, "it was never found")
        backend.create_user("us-east-1", "someone", "/", None)
        key = backend.create_access_key("someone").access_key_id
        self.assertEqual([account_of(key), account_of(key)], [ACCOUNT, ACCOUNT])
        self.assertEqual(len(asked), 3)
        backend.access_keys.pop(key)
        account_of(key)
        self.assertEqual(len(asked), 4, "it is gone")

    def test_of_several_endings_the_first_that_fits_a_place_counts(self) -> None:
        endings = ("Volumes.Volume.State", "Volume.State", "State")
        self.assertEqual(speed.transformed(endings, "a.Volume.State"), "Volume.State")
        self.assertIsNone(speed.transformed(endings, "a.Volume.Size"))
