"""The admin API: the log of calls, faults, marks, the lag of reads, throttles."""

import json
import time

from botocore.exceptions import ConnectionClosedError

from .harness import ACCOUNT, REGION, Case


class Admin(Case):
    def setUp(self) -> None:
        super().setUp()
        self.addCleanup(self.emulator.admin, "DELETE", "faults")

    def fault(self, **fault: object) -> str:
        return self.emulator.admin("POST", "faults", fault)["id"]


class Calls(Admin):
    def test_calls_are_logged_with_who_what_and_how(self) -> None:
        since = self.emulator.admin("GET", "calls")["next"]
        self.ec2.describe_vpcs(VpcIds=[self.vpc])
        with self.refused("InvalidGroup.NotFound"):
            self.ec2.delete_security_group(GroupId="sg-00000000000000000")
        answer = self.emulator.admin("GET", f"calls?since={since}")
        read, change = answer["calls"]
        self.assertEqual(answer["next"], since + 2)
        self.assertEqual(
            {key: read[key] for key in ("seq", "account", "region", "service", "action", "changing", "status")},
            {
                "seq": since,
                "account": ACCOUNT,
                "region": REGION,
                "service": "ec2",
                "action": "DescribeVpcs",
                "changing": False,
                "status": 200,
            },
        )
        self.assertEqual(read["params"], {"VpcId.1": self.vpc})
        self.assertEqual((change["changing"], change["status"], change["code"]), (True, 400, "InvalidGroup.NotFound"))

    def test_the_log_tells_which_application_called(self) -> None:
        since = self.emulator.admin("GET", "calls")["next"]
        scope = f"Credential={ACCOUNT}/20260101/{REGION}/ec2/aws4_request"
        signed = {"Authorization": scope, "Content-Type": "application/x-www-form-urlencoded"}
        for names in ({"User-Agent": "curl", "X-Amz-User-Agent": "sdk app/one"}, {"User-Agent": "boto app/two"}):
            self.emulator.request("POST", "/", "Action=DescribeVpcs&Version=2016-11-15", signed | names)
        calls = self.emulator.admin("GET", f"calls?since={since}")["calls"]
        self.assertEqual([call["userAgent"] for call in calls], ["sdk app/one", "boto app/two"])

    def test_a_cleared_log_goes_on_counting(self) -> None:
        before = self.emulator.admin("GET", "calls")["next"]
        self.emulator.admin("DELETE", "calls")
        self.ec2.describe_vpcs()
        answer = self.emulator.admin("GET", f"calls?since={before}")
        self.assertEqual([call["seq"] for call in answer["calls"]], [before])

    def test_the_calls_of_one_account_and_action_are_read_alone(self) -> None:
        since = self.emulator.admin("GET", "calls")["next"]
        other = self.emulator.client("ec2", account="111122223333")
        self.ec2.describe_vpcs()
        other.describe_vpcs()
        self.ec2.describe_subnets()

        def read(of: str) -> list[int]:
            return [call["seq"] - since for call in self.emulator.admin("GET", f"calls?since={since}{of}")["calls"]]

        self.assertEqual(read(""), [0, 1, 2])
        self.assertEqual(read(f"&account={ACCOUNT}"), [0, 2])
        self.assertEqual(read("&account=111122223333"), [1])
        self.assertEqual(read("&account=444455556666"), [])
        self.assertEqual(read(f"&account={ACCOUNT}&action=DescribeSubnets"), [2])
        self.assertEqual(read("&action=DescribeVpcs"), [0, 1])

    def test_a_dry_run_is_no_change(self) -> None:
        since = self.emulator.admin("GET", "calls")["next"]
        with self.refused("DryRunOperation", status=412):
            self.ec2.delete_vpc(VpcId=self.vpc, DryRun=True)
        (call,) = self.emulator.admin("GET", f"calls?since={since}")["calls"]
        self.assertFalse(call["changing"])


class Faults(Admin):
    def setUp(self) -> None:
        super().setUp()
        self.old, self.new = self.make_groups(2)
        self.hit, self.spared = self.make_interface(self.old), self.make_interface(self.old)

    def on_modify(self, **fault: object) -> str:
        match = {"NetworkInterfaceId": [self.hit]}
        return self.fault(service="ec2", action="ModifyNetworkInterfaceAttribute", match=match, **fault)

    def test_an_error_before_keeps_the_call_from_being_applied_once(self) -> None:
        self.on_modify(code="RequestLimitExceeded", status=503)
        self.set_groups(self.spared, self.new)
        with self.refused("RequestLimitExceeded", status=503):
            self.set_groups(self.hit, self.new)
        self.assertEqual(self.groups_on(self.hit), [self.old])
        self.set_groups(self.hit, self.new)
        self.assertEqual(self.groups_on(self.hit), [self.new])

    def test_an_error_after_loses_only_the_answer(self) -> None:
        self.on_modify(code="InternalError", status=500, when="after")
        with self.refused("InternalError", status=500):
            self.set_groups(self.hit, self.new)
        self.assertEqual(self.groups_on(self.hit), [self.new])

    def test_a_connection_is_dropped_before_or_after(self) -> None:
        for when, groups in (("before", [self.old]), ("after", [self.new])):
            with self.subTest(when=when):
                self.on_modify(kind="drop", when=when)
                with self.assertRaises(ConnectionClosedError):
                    self.set_groups(self.hit, self.new)
                self.assertEqual(self.groups_on(self.hit), groups)

    def test_a_fault_for_ever_ends_when_it_is_removed(self) -> None:
        id = self.on_modify(code="UnauthorizedOperation", status=403, times=-1)
        for _ in range(3):
            with self.refused("UnauthorizedOperation", status=403):
                self.set_groups(self.hit, self.new)
        self.emulator.admin("DELETE", f"faults/{id}")
        self.set_groups(self.hit, self.new)

    def test_a_delay_only_delays(self) -> None:
        self.on_modify(delayMs=200)
        began = time.monotonic()
        self.set_groups(self.hit, self.new)
        self.assertGreater(time.monotonic() - began, 0.2)
        self.assertEqual(self.groups_on(self.hit), [self.new])

    def test_a_fault_can_be_for_another_account_or_a_value_anywhere(self) -> None:
        self.fault(account="999999999999", code="AuthFailure", times=-1)
        self.fault(match={"*": self.new}, code="InvalidGroup.NotFound")
        self.set_groups(self.hit, self.old)
        with self.refused("InvalidGroup.NotFound"):
            self.set_groups(self.hit, self.new)

    def test_a_fault_that_cannot_be_understood_is_refused(self) -> None:
        for wrong in ({"code": "X", "when": "during"}, {"kind": "error"}, {"code": "X", "actoin": "y"}):
            status, _ = self.emulator.request("POST", "/_emulator/faults", json.dumps(wrong), {})
            self.assertEqual(status, 400)

    def test_an_error_of_sts_has_the_form_of_sts(self) -> None:
        self.fault(service="sts", action="GetCallerIdentity", code="ExpiredToken", status=403)
        with self.refused("ExpiredToken", status=403):
            self.emulator.client("sts").get_caller_identity()


class ReadLag(Admin):
    def setUp(self) -> None:
        super().setUp()
        self.addCleanup(self.emulator.admin, "PUT", "read-lag", {"milliseconds": 0})

    def test_groups_and_tags_are_read_as_they_were(self) -> None:
        old, new = self.make_groups(2)
        interface = self.make_interface(old)
        self.emulator.admin("PUT", "read-lag", {"milliseconds": 60_000})
        self.set_groups(interface, new)
        self.ec2.create_tags(Resources=[interface], Tags=[{"Key": "k", "Value": "v"}])
        lagging = self.interface(interface)
        self.assertEqual([group["GroupId"] for group in lagging["Groups"]], [old])
        self.assertEqual(lagging["TagSet"], [])
        self.assertEqual(self.find("group-id", new), [])
        self.emulator.admin("PUT", "read-lag", {"milliseconds": 0})
        self.assertEqual(self.groups_on(interface), [new])
        self.assertEqual(self.interface(interface)["TagSet"], [{"Key": "k", "Value": "v"}])

    def test_the_lag_can_be_one_accounts(self) -> None:
        old, new = self.make_groups(2)
        interface = self.make_interface(old)
        self.emulator.admin("PUT", "read-lag", {"milliseconds": 60_000, "account": "999999999999"})
        self.set_groups(interface, new)
        self.assertEqual(self.groups_on(interface), [new])


class Throttles(Admin):
    def test_what_exceeds_the_burst_is_refused(self) -> None:
        self.addCleanup(self.emulator.admin, "PUT", "throttles", {})
        self.emulator.admin("PUT", "throttles", {"DescribeVpcs": {"burst": 2, "perSecond": 0.001}})
        self.ec2.describe_vpcs()
        self.ec2.describe_vpcs()
        with self.refused("RequestLimitExceeded", status=503):
            self.ec2.describe_vpcs()
        self.emulator.client(region="us-west-2").describe_vpcs()


class Marks(Admin):
    def test_an_unknown_interface_is_not_marked(self) -> None:
        status, _ = self.emulator.request("PUT", "/_emulator/interfaces/eni-0", "{}", {})
        self.assertEqual(status, 404)

    def test_an_unseen_interface_is_there_but_not_described(self) -> None:
        (group,) = self.make_groups(1)
        instance = self.launch(SecurityGroupIds=[group])
        (interface,) = self.interfaces_of(instance)
        self.emulator.admin("PUT", f"interfaces/{interface}", {"unseen": True})
        self.assertEqual(self.find("attachment.instance-id", instance), [])
        self.assertEqual(self.find("network-interface-id", interface), [])
        with self.refused("InvalidNetworkInterfaceID.NotFound"):
            self.ec2.describe_network_interfaces(NetworkInterfaceIds=[interface])
        self.set_groups(interface, group)
        self.emulator.admin("PUT", f"interfaces/{interface}", {"unseen": False})
        self.assertEqual(self.interfaces_of(instance), [interface])
