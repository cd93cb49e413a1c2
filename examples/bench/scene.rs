//! What is measured: a stack with CRDs and rights, an instance with two interfaces, a class that names its group.

use super::counts::Logs;
use anyhow::{Context as _, Result, ensure};
use aws_config::{BehaviorVersion, Region};
use aws_credential_types::Credentials;
use aws_sdk_ec2::types::{IpPermission, IpRange};
use kube::{
    Api, Client, Config,
    api::{Patch, PatchParams, PostParams},
    config::{KubeConfigOptions, Kubeconfig},
};
use quarantine_operator::{
    api::{Quarantine, QuarantineClass},
    aws::{Ec2, Sessions},
    model::{ec2::Interface, place::Place},
};
use serde_json::json;
use std::path::PathBuf;
use xtask::{Stack, workspace};

pub const REGION: &str = "eu-central-1";
const ACCOUNT: &str = "123456789012";
const NAMESPACE: &str = "quarantine-system";
const SERVICE_ACCOUNT: &str = "quarantine-operator";

/// Everything that is there before the operator is.
pub struct Scene<'a> {
    pub stack: &'a Stack,
    pub endpoint: String,
    pub operators_kubeconfig: PathBuf,
    pub logs: Logs,
    pub claims: Api<Quarantine>,
    /// The one claim's name.
    pub name: String,
    pub ec2: Ec2,
    pub instance: String,
    pub vpc: String,
    pub isolation: String,
    pub made: jiff::Timestamp,
}

impl<'a> Scene<'a> {
    pub async fn set(stack: &'a Stack) -> Result<Self> {
        kubectl(stack, &["apply", "-k", "deploy/base"])?;
        kubectl(stack, &["wait", "--for=condition=Established", "--timeout=60s", "-f", "crds/"])?;
        let token = kubectl(stack, &["create", "token", SERVICE_ACCOUNT, "-n", NAMESPACE])?;
        let user = format!("system:serviceaccount:{NAMESPACE}:{SERVICE_ACCOUNT}");
        let operators_kubeconfig = stack.kubeconfig_for(&user, token.trim())?;

        let kubeconfig = Kubeconfig::read_from(stack.kubeconfig())?;
        let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
        let client = Client::try_from(config)?;

        let endpoint = stack.aws_endpoint()?;
        let credentials = Credentials::new("test", "test", None, None, "bench");
        let loader = aws_config::defaults(BehaviorVersion::v2026_01_12()).region(Region::new(REGION));
        let config = loader.endpoint_url(&endpoint).credentials_provider(credentials).load().await;
        let made = make(&aws_sdk_ec2::Client::new(&config)).await?;
        let place = Place { account_id: ACCOUNT.to_owned(), region: REGION.to_owned(), role: None };
        let ec2 = Sessions::new(config).ec2(&place).await?;

        let class = json!({
            "apiVersion": "quarantine-operator.dev/v1alpha1", "kind": "QuarantineClass", "metadata": {"name": "bench"},
            "spec": {"securityGroup": {"id": made.isolation}, "namespaceSelector": {}},
        });
        let classes: Api<QuarantineClass> = Api::all(client.clone());
        classes.patch("bench", &PatchParams::apply("bench"), &Patch::Apply(class)).await?;
        Ok(Self {
            stack,
            logs: Logs::new(endpoint.clone(), stack.audit_log(), user),
            endpoint,
            operators_kubeconfig,
            claims: Api::namespaced(client, "default"),
            name: "web".to_owned(),
            ec2,
            instance: made.instance,
            vpc: made.vpc,
            isolation: made.isolation,
            made: jiff::Timestamp::from_second(jiff::Timestamp::now().as_second())?,
        })
    }

    /// A read, before what a person does is timed: kube's client leaves Nagle's algorithm on, which holds the first
    /// write after a rest for some 40 ms; kubectl does not.
    pub async fn wake_connection(&self) -> Result<()> {
        self.claims.get_opt(&self.name).await?;
        Ok(())
    }

    /// Creates the claim.
    pub async fn claim(&self) -> Result<Quarantine> {
        let claim = serde_json::from_value(json!({
            "apiVersion": "quarantine-operator.dev/v1alpha1", "kind": "Quarantine", "metadata": {"name": self.name},
            "spec": {"className": "bench", "target": {"instance": {"id": self.instance, "region": REGION}}},
        }))?;
        Ok(self.claims.create(&PostParams::default(), &claim).await?)
    }

    pub async fn interfaces(&self) -> Result<Vec<Interface>> {
        Ok(self.ec2.interfaces_attached_to(&self.instance).await?)
    }
}

struct Made {
    instance: String,
    vpc: String,
    isolation: String,
}

/// An instance with two interfaces of two and five groups, and a group that isolates.
async fn make(owner: &aws_sdk_ec2::Client) -> Result<Made> {
    let vpc = owner.create_vpc().cidr_block("10.20.0.0/16").send().await?;
    let vpc = vpc.vpc().and_then(|vpc| vpc.vpc_id()).context("a VPC has an id")?.to_owned();
    let subnet = owner.create_subnet().vpc_id(&vpc).cidr_block("10.20.0.0/18").send().await?;
    let subnet = subnet.subnet().and_then(|subnet| subnet.subnet_id()).context("a subnet has an id")?.to_owned();
    let mut groups = Vec::new();
    for name in ["a", "b", "c", "d", "e", "f", "g", "isolation"] {
        let made = owner.create_security_group().vpc_id(&vpc).group_name(name).description(name).send().await?;
        groups.push(made.group_id().context("a group has an id")?.to_owned());
    }
    let isolation = groups.pop().context("the last one isolates")?;
    let everywhere = IpRange::builder().cidr_ip("0.0.0.0/0").build();
    let all = IpPermission::builder().ip_protocol("-1").ip_ranges(everywhere).build();
    owner.revoke_security_group_egress().group_id(&isolation).ip_permissions(all).send().await?;
    let call = owner.run_instances().image_id("ami-12c6146b").min_count(1).max_count(1).subnet_id(&subnet);
    let launched = call.set_security_group_ids(Some(groups[..2].to_vec())).send().await?;
    let instance = launched.instances()[0].instance_id().context("an instance has an id")?.to_owned();
    let call = owner.create_network_interface().subnet_id(&subnet).set_groups(Some(groups[2..].to_vec()));
    let second = call.send().await?;
    let second = second.network_interface().and_then(|made| made.network_interface_id()).context("it has an id")?;
    let call = owner.attach_network_interface().instance_id(&instance).network_interface_id(second).device_index(1);
    call.send().await?;
    Ok(Made { instance, vpc, isolation })
}

fn kubectl(stack: &Stack, arguments: &[&str]) -> Result<String> {
    let output = stack.kubectl().current_dir(workspace::root()).args(arguments).output()?;
    ensure!(output.status.success(), "kubectl {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?)
}
