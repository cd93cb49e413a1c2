"""AWS::CloudWatch::Alarm in a stack. Nothing measures here, so an alarm never rings: a test sees that it is there, of
what, and whom it would tell."""

from typing import Any

from moto.core.common_models import CloudFormationModel

from .registry import correction


@correction(
    "stack-alarms",
    aws="AWS::CloudWatch::Alarm is an alarm, of a metric or of an expression over several.",
    moto="Doesn't have it.",
    page="AWS::CloudWatch::Alarm (CloudFormation User Guide)",
)
def stack_alarms() -> None:
    class StackAlarm(CloudFormationModel):
        def __init__(self, alarm: Any) -> None:
            self.alarm = alarm
            self.physical_resource_id = alarm.name

        cloudformation_name_type = staticmethod(lambda: "AlarmName")
        cloudformation_type = staticmethod(lambda: "AWS::CloudWatch::Alarm")

        @classmethod
        def has_cfn_attr(cls, attr: str) -> bool:
            return attr == "Arn"

        def get_cfn_attribute(self, attribute_name: str) -> str:
            return self.alarm.alarm_arn

        @classmethod
        def create_from_cloudformation_json(
            cls, resource_name: str, cloudformation_json: Any, account_id: str, region_name: str, **_: Any
        ) -> Any:
            return cls(put(resource_name, cloudformation_json["Properties"], account_id, region_name))

        @classmethod
        def update_from_cloudformation_json(
            cls,
            original_resource: Any,
            new_resource_name: str,
            cloudformation_json: Any,
            account_id: str,
            region_name: str,
        ) -> Any:
            properties, name = cloudformation_json["Properties"], original_resource.alarm.name
            if properties.get("AlarmName", name) != name:
                original_resource.delete(account_id, region_name)
                name = properties["AlarmName"]
            return cls(put(name, properties, account_id, region_name))

        @classmethod
        def delete_from_cloudformation_json(cls, *args: Any) -> None:
            raise NotImplementedError("deleted by itself")

        def delete(self, account_id: str, region_name: str) -> None:
            from moto.cloudwatch.models import cloudwatch_backends

            cloudwatch_backends[account_id][region_name].delete_alarms([self.alarm.name])


def put(name: str, properties: dict[str, Any], account: str, region: str) -> Any:
    # Not before a stack has an alarm: nobody else needs CloudWatch here.
    from moto.cloudwatch.models import cloudwatch_backends

    return cloudwatch_backends[account][region].put_metric_alarm(
        name=name,
        namespace=properties.get("Namespace"),
        metric_name=properties.get("MetricName"),
        metric_data_queries=[query(one) for one in properties.get("Metrics", [])],
        comparison_operator=properties["ComparisonOperator"],
        evaluation_periods=properties["EvaluationPeriods"],
        datapoints_to_alarm=properties.get("DatapointsToAlarm"),
        period=properties.get("Period"),
        threshold=properties.get("Threshold"),
        statistic=properties.get("Statistic"),
        extended_statistic=properties.get("ExtendedStatistic"),
        description=properties.get("AlarmDescription"),
        dimensions=properties.get("Dimensions", []),
        alarm_actions=properties.get("AlarmActions", []),
        ok_actions=properties.get("OKActions", []),
        insufficient_data_actions=properties.get("InsufficientDataActions", []),
        unit=properties.get("Unit"),
        actions_enabled=properties.get("ActionsEnabled", True),
        treat_missing_data=properties.get("TreatMissingData"),
    )


def query(given: dict[str, Any]) -> Any:
    from moto.cloudwatch.models import Dimension, Metric, MetricDataQuery, MetricStat

    stat, measured = given.get("MetricStat"), None
    if stat:
        metric = stat["Metric"]
        dimensions = [Dimension(one["Name"], one["Value"]) for one in metric.get("Dimensions", [])]
        measured = Metric(metric.get("MetricName"), metric.get("Namespace"), dimensions)
    return MetricDataQuery(
        query_id=given["Id"],
        label=given.get("Label"),
        period=given.get("Period"),
        return_data=given.get("ReturnData", True),
        expression=given.get("Expression"),
        metric_stat=MetricStat(measured, stat.get("Period"), stat.get("Stat"), stat.get("Unit")) if stat else None,
    )
