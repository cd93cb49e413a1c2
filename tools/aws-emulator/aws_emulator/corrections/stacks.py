"""CloudFormation: how a template is read, and what an update of a stack changes. What becomes of single resources is in
`stack_resources`.

moto.cloudformation loads the models of half of AWS, which takes as long as the start of the whole server. So these
corrections wait until somebody calls CloudFormation.
"""

import copy
import functools
from collections.abc import Callable
from typing import Any

from .registry import correction

WAITING: list[Callable[[], None]] = []


@functools.cache
def load() -> None:
    """Applies what waited. To be called, with the turn held, before each call of CloudFormation."""
    for install in WAITING:
        install()


def later(install: Callable[[], None]) -> Callable[[], None]:
    @functools.wraps(install)
    def wait() -> None:
        WAITING.append(install)

    return wait


@correction(
    "unknown-types",
    aws=(
        "A template with a resource type that doesn't exist, such as AWS::SecurityHub::ActionTarget, is "
        "ValidationError, and nothing is made. So is, here, a type that AWS has and moto can't make."
    ),
    moto="Leaves the resource out, and the stack is complete.",
    page="Template reference (CloudFormation User Guide); the text as seen in answers",
)
@later
def unknown_types() -> None:
    from moto.cloudformation import parsing
    from moto.cloudformation.exceptions import ValidationError

    load_map = parsing.ResourceMap.load

    def check(self: Any) -> None:
        resources = self._template.get("Resources", {}).values()
        refuse_unknown([one.get("Type", "") for one in resources], parsing, ValidationError)
        load_map(self)

    def update_checked(self: Any, template: dict[str, Any], parameters: Any = None) -> None:
        refuse_unknown([one.get("Type", "") for one in template["Resources"].values()], parsing, ValidationError)
        update(self, template, parameters)

    update = parsing.ResourceMap.update
    parsing.ResourceMap.load = check
    parsing.ResourceMap.update = update_checked


def refuse_unknown(types: list[str], parsing: Any, error: Any) -> None:
    known = {*parsing.get_model_map(), *parsing.NULL_MODELS}
    unknown = sorted({one for one in types if one not in known and not one.startswith("Custom::")})
    if unknown:
        raise error(message=f"Template format error: Unrecognized resource types: [{', '.join(unknown)}]")


@correction(
    "no-value-in-lists",
    aws="AWS::NoValue takes an entry out of a list, as it takes a property away.",
    moto="Leaves null in the list.",
    page="Pseudo parameters reference (CloudFormation User Guide)",
)
@later
def no_value_in_lists() -> None:
    from moto.cloudformation import parsing

    clean = parsing.clean_json

    def clean_json(resource_json: Any, resources_map: Any) -> Any:
        cleaned = clean(resource_json, resources_map)
        if isinstance(resource_json, list):
            return [one for one in cleaned if one is not None]
        return cleaned

    parsing.clean_json = clean_json


@correction(
    "list-defaults",
    aws="The default of a parameter of a list type is a list, too.",
    moto="Splits only values that are given.",
    page="CloudFormation template Parameters syntax (CloudFormation User Guide)",
)
@later
def list_defaults() -> None:
    from moto.cloudformation import parsing

    load_parameters = parsing.ResourceMap.load_parameters

    def load_with_lists(self: Any) -> None:
        for name, parameter in (self._template.get("Parameters") or {}).items():
            kind = parameter.get("Type", "")
            if "Default" in parameter and (kind == "CommaDelimitedList" or kind.startswith("List<")):
                self.input_parameters = {name: str(parameter["Default"])} | self.input_parameters
        load_parameters(self)

    parsing.ResourceMap.load_parameters = load_with_lists


@correction(
    "stack-updates",
    aws=(
        "An update changes the resources whose properties change, be it by a parameter in Fn::Sub or by a condition, "
        "makes those whose condition is now true and deletes those whose condition is not any more; one whose kind "
        "can't be updated is replaced."
    ),
    moto=(
        "Sees parameters only in Ref, and conditions not at all; of what it can't update it forgets that it is there."
    ),
    page="Update behaviors of stack resources (CloudFormation User Guide)",
)
@later
def stack_updates() -> None:
    from moto.cloudformation import parsing

    def update(self: Any, template: dict[str, Any], parameters: dict[str, Any] | None = None) -> None:
        known = self._resource_json_map
        old = {name: known[name] for name in self._parsed_resources if name in known}
        before = {name: parsing.clean_json(copy.deepcopy(one), self) for name, one in old.items()}
        self._template, self._resource_json_map = template, template["Resources"]
        if parameters:
            self.input_parameters = parameters
        self.load_mapping()
        self.load_parameters()
        self.load_conditions()
        wanted = [name for name, one in self._resource_json_map.items() if is_wanted(self, one)]
        for name in wanted:
            self[name]
        # Again, because what was changed or replaced may change those that refer to it.
        while changed := [name for name in wanted if name in before and differs(self, name, before, parsing)]:
            for name in changed:
                before[name] = parsing.clean_json(copy.deepcopy(self._resource_json_map[name]), self)
                change(self, name, old[name], parsing)
        for name in [name for name in old if name not in wanted]:
            self._delete_resource(self._parsed_resources.pop(name), old[name])

    parsing.ResourceMap.update = update


def is_wanted(self: Any, resource: dict[str, Any]) -> bool:
    condition = resource.get("Condition")
    return not condition or bool(self.lazy_condition_map[condition])


def differs(self: Any, name: str, before: dict[str, Any], parsing: Any) -> bool:
    after = parsing.clean_json(copy.deepcopy(self._resource_json_map[name]), self)
    return after.get("Properties") != before[name].get("Properties")


def change(self: Any, name: str, old: dict[str, Any], parsing: Any) -> None:
    resource = self._parsed_resources[name]
    place = {"account_id": self._account_id, "region_name": self._region_name}
    changed = parsing.parse_and_update_resource(name, copy.deepcopy(self._resource_json_map[name]), self, **place)
    if changed is not None:
        self._parsed_resources[name] = changed
        return
    self._delete_resource(resource, old)
    del self._parsed_resources[name]
    self[name]


@correction(
    "shown-resources",
    aws="DescribeStackResources and ListStackResources show the resources that are there.",
    moto="Show an empty one for each whose condition is false.",
    page="DescribeStackResources (CloudFormation API Reference)",
)
@later
def shown_resources() -> None:
    from moto.cloudformation.models import Stack

    Stack.stack_resources = property(lambda self: [one for one in self.resource_map.values() if one is not None])


@correction(
    "iam-capabilities",
    aws=(
        "A stack with IAM resources needs CAPABILITY_IAM or CAPABILITY_NAMED_IAM, one that names them the latter: "
        "InsufficientCapabilitiesException."
    ),
    moto="Asks for nothing.",
    page="CreateStack, Capabilities (CloudFormation API Reference)",
)
@later
def iam_capabilities() -> None:
    from moto.cloudformation.exceptions import ValidationError
    from moto.cloudformation.models import Stack
    from moto.cloudformation.responses import CloudFormationResponse

    def check(self: Any, template: str | None) -> None:
        try:
            resources = Stack.parse_template(template)["Resources"].values() if template else []
        except (KeyError, TypeError, ValueError):
            raise ValidationError(message="Template format error: unsupported structure.") from None
        ours = [one for one in resources if one.get("Type") in IAM_NAMES]
        named = any(IAM_NAMES[one["Type"]] in (one.get("Properties") or {}) for one in ours)
        given = set(self._get_param("Capabilities", []))
        needed = ["CAPABILITY_NAMED_IAM"] if named else ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"]
        if ours and not given & set(needed):
            error = ValidationError(message=f"Requires capabilities : [{needed[0]}]")
            error.code = "InsufficientCapabilitiesException"
            raise error

    for name in ("create_stack", "update_stack", "create_change_set"):
        install_check(CloudFormationResponse, name, check)


def install_check(owner: type, name: str, check: Callable[[Any, str | None], None]) -> None:
    old = getattr(owner, name)

    @functools.wraps(old)
    def method(self: Any) -> Any:
        check(self, self._get_param("TemplateBody"))
        return old(self)

    setattr(owner, name, method)


IAM_NAMES = {
    "AWS::IAM::Role": "RoleName",
    "AWS::IAM::ManagedPolicy": "ManagedPolicyName",
    "AWS::IAM::User": "UserName",
    "AWS::IAM::Group": "GroupName",
    "AWS::IAM::Policy": "",
    "AWS::IAM::InstanceProfile": "InstanceProfileName",
    "AWS::IAM::AccessKey": "",
}
