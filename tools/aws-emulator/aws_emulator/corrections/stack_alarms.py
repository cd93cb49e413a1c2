"""Alarms of a stack: kept and shown, as by PutMetricAlarm. No metric is measured here, so none ever goes off."""

from typing import Any

from moto.core.common_models import CloudFormationModel

from .registry import correction
from .stacks import later


@correction(
    "stack-alarms",
    aws="AWS::CloudWatch::Alarm is an alarm, changed by an update and deleted with the stack.",
    moto="Can't make it.",
    page="AWS::CloudWatch::Alarm (CloudFormation User Guide)",
)
@later
def stack_alarms() -> None:
    from moto.cloudwatch.models import cloudwatch_backends

    class StackAlarm(CloudFormationModel):
        def __init__(self, name: str) -> None:
            self.physical_resource_id = name

        cloudformation_name_type = staticmethod(lambda: "AlarmName")
        cloudformation_type = staticmethod(lambda: "AWS::CloudWatch::Alarm")

        @classmethod
        def has_cfn_attr(cls, attr: str) -> bool:
            return attr == "Arn"

        def get_cfn_attribute(self, attribute_name: str) -> str:
            return self.arn

        @classmethod
        def create_from_cloudformation_json(
            cls, resource_name: str, cloudformation_json: Any, account_id: str, region_name: str, **_: Any
        ) -> Any:
            made = cls(resource_name)
            properties = cloudformation_json["Properties"]
            alarm = cloudwatch_backends[account_id][region_name].put_metric_alarm(**arguments(resource_name, properties))
            made.arn = alarm.alarm_arn
            return made

        @classmethod
        def update_from_cloudformation_json(
            cls,
            original_resource: Any,
            new_resource_name: str,
            cloudformation_json: Any,
            account_id: str,
            region_name: str,
        ) -> Any:
            name = cloudformation_json["Properties"].get("AlarmName", original_resource.physical_resource_id)
            original_resource.delete(account_id, region_name)
            return cls.create_from_cloudformation_json(name, cloudformation_json, account_id, region_name)

        @classmethod
        def delete_from_cloudformation_json(cls, *args: Any) -> None:
            raise NotImplementedError("deleted by itself")

        def delete(self, account_id: str, region_name: str) -> None:
            cloudwatch_backends[account_id][region_name].delete_alarms([self.physical_resource_id])


def arguments(name: str, properties: dict[str, Any]) -> dict[str, Any]:
    """Those of moto's PutMetricAlarm."""
    threshold = properties.get("Threshold")
    return {
        "name": name,
        "namespace": properties.get("Namespace"),
        "metric_name": properties.get("MetricName"),
        "metric_data_queries": [query(one) for one in properties.get("Metrics", [])],
        "comparison_operator": properties["ComparisonOperator"],
        "evaluation_periods": int(properties["EvaluationPeriods"]),
        "period": properties.get("Period"),
        "threshold": None if threshold is None else float(threshold),
        "statistic": properties.get("Statistic"),
        "description": properties.get("AlarmDescription"),
        "dimensions": properties.get("Dimensions", []),
        "alarm_actions": properties.get("AlarmActions", []),
        "treat_missing_data": properties.get("TreatMissingData"),
    }


def query(one: dict[str, Any]) -> Any:
    from moto.cloudwatch.models import Dimension, Metric, MetricDataQuery, MetricStat

    measured = None
    if stat := one.get("MetricStat"):
        dimensions = [Dimension(name=each["Name"], value=each["Value"]) for each in stat["Metric"].get("Dimensions", [])]
        metric = Metric(stat["Metric"]["MetricName"], stat["Metric"]["Namespace"], dimensions)
        measured = MetricStat(metric, stat["Period"], stat["Stat"], stat.get("Unit"))
    shown = str(one.get("ReturnData", True)).lower() == "true"
    return MetricDataQuery(one["Id"], one.get("Label", ""), one.get("Period"), shown, one.get("Expression"), measured)
