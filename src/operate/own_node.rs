//! Which EC2 instance the operator itself runs on, so that it is never the one that is cut off.

use k8s_openapi::api::core::v1::Node;
use kube::{Api, Client};

/// The instance behind the node of that name, where the node is an EC2 instance.
///
/// Errors: the node can't be read.
pub async fn instance_id(client: Client, node_name: &str) -> kube::Result<Option<String>> {
    let node = Api::<Node>::all(client).get(node_name).await?;
    Ok(node.spec.and_then(|spec| spec.provider_id).as_deref().and_then(of_provider_id).map(str::to_owned))
}

/// From a providerID of the AWS cloud provider: `aws:///eu-central-1a/i-0123456789abcdef0`.
pub fn of_provider_id(provider_id: &str) -> Option<&str> {
    let path = provider_id.strip_prefix("aws://")?;
    path.rsplit('/').next().filter(|id| id.starts_with("i-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_ec2_node_names_an_instance() {
        assert_eq!(of_provider_id("aws:///eu-central-1a/i-0123456789abcdef0"), Some("i-0123456789abcdef0"));
        assert_eq!(of_provider_id("aws:///eu-central-1a/fargate-ip-10-0-0-1"), None);
        assert_eq!(of_provider_id("gce://project/zone/i-like-names"), None);
        assert_eq!(of_provider_id(""), None);
    }
}
