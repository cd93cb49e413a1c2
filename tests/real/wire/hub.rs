//! An AWS account of a test's own with Security Hub enabled, and findings in it, as products import them.

use super::account::{REGION, config, credentials, fresh_id, place};
use super::emulator::{endpoint, import_findings, read_finding};
use aws_sdk_securityhub::Client;
use quarantine_operator::aws::{SecurityHub, Sessions};
use quarantine_operator::model::finding::FindingKey;
use serde_json::{Value, json};

/// An account, seen as the person who owns it (`owner`) and as the operator (`hub`).
pub struct Hub {
    pub id: String,
    pub owner: Client,
    pub hub: SecurityHub,
}

impl Hub {
    pub async fn fresh() -> Self {
        Self::of(&fresh_id()).await
    }

    /// The same in an account that is there already.
    pub async fn of(id: &str) -> Self {
        let hub = Self::open(id.to_owned()).await;
        hub.owner.enable_security_hub().send().await.expect("Security Hub is enabled");
        hub
    }

    pub async fn without_security_hub() -> Self {
        Self::open(fresh_id()).await
    }

    async fn open(id: String) -> Self {
        let config = config(&endpoint(), credentials(&id)).await;
        let hub = Sessions::new(config.clone()).security_hub(&place(&id)).await.expect("its own account opens");
        Self { id, owner: Client::new(&config), hub }
    }

    /// A finding of GuardDuty about this account, that can be imported as it is.
    pub fn finding(&self, id: &str) -> Value {
        json!({
            "SchemaVersion": "2018-10-08",
            "Id": id,
            "ProductArn": product("aws/guardduty"),
            "GeneratorId": "a-detector",
            "AwsAccountId": self.id,
            "Types": ["TTPs/Command and Control"],
            "CreatedAt": "2026-01-01T00:00:00Z",
            "UpdatedAt": "2026-01-02T03:04:05.678Z",
            "Severity": {"Label": "HIGH"},
            "Title": "A bot",
            "Description": "An instance asks for a name of a botnet.",
            "Resources": [instance(&self.id, "i-0123456789abcdef0")],
        })
    }

    /// The same of another product.
    pub fn finding_of(&self, product: &str, id: &str) -> Value {
        let mut finding = self.finding(id);
        finding["ProductArn"] = product.into();
        finding
    }

    pub fn import(&self, findings: impl IntoIterator<Item = Value>) {
        import_findings(&self.id, &findings.into_iter().collect::<Vec<_>>());
    }

    /// The finding as Security Hub shows it to its owner.
    pub fn read(&self, id: &str) -> Value {
        read_finding(&self.id, id)
    }
}

/// The ARN of a vendor's product.
pub fn product(name: &str) -> String {
    format!("arn:aws:securityhub:{REGION}::product/{name}")
}

pub fn key(id: &str) -> FindingKey {
    FindingKey { id: id.to_owned(), product_arn: Some(product("aws/guardduty")), account_id: None }
}

pub fn instance(account: &str, id: &str) -> Value {
    json!({"Type": "AwsEc2Instance", "Id": format!("arn:aws:ec2:{REGION}:{account}:instance/{id}")})
}
