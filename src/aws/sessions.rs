//! Where and as whom AWS is asked: one session per account, region and role, opened once, seen to be the right account
//! before its first use, and shared by the services. What they are asked is `ec2`'s, `security_hub`'s and `sqs`' business.

use super::budget::Budgets;
use super::call::{Clients, Session};
use super::convert::required;
use super::ec2::Ec2;
use super::fence::Fence;
use super::kept::Kept;
use super::renewal::Renewal;
use super::security_hub::SecurityHub;
use super::settings;
use super::sqs::Sqs;
use super::transport;
use crate::api::Reason;
use crate::metrics::Metrics;
use crate::model::place::{Place, Role};
use crate::model::problem::{Disposition, Problem};
use aws_config::sts::AssumeRoleProvider;
use aws_config::{Region, SdkConfig};
use aws_sdk_ec2::config::SharedCredentialsProvider;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use std::sync::Arc;

/// Where the operator asks who it is, if nothing tells its own region. Works in the `aws` partition only: elsewhere,
/// AWS_REGION must be set.
const FALLBACK_REGION: &str = "us-east-1";

/// Who AWS says that the credentials belong to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    pub account_id: String,
    /// `aws`, `aws-cn`, `aws-us-gov`, …
    pub partition: String,
    pub arn: String,
}

/// The services of one place. Those that nobody calls cost no connection.
#[derive(Clone)]
struct Opened {
    ec2: Ec2,
    security_hub: SecurityHub,
    sqs: Sqs,
}

/// All clients, made on demand and kept.
pub struct Sessions {
    base: SdkConfig,
    /// For changing calls.
    http: SharedHttpClient,
    renewal: Renewal,
    own_identity: Kept<(), Identity>,
    roles: Arc<Kept<Role, SharedCredentialsProvider>>,
    opened: Kept<Place, Opened>,
    budgets: Budgets,
    metrics: Metrics,
    fence: Fence,
}

impl Sessions {
    /// `base` gives credentials, endpoints, the HTTP client where it isn't our own, and, if the operator has one, its
    /// region; make it with `aws_config`'s loader, which also sets the clock that AssumeRole can't do without. Time-outs
    /// and attempts are ours (`settings`), whatever it says.
    pub fn new(base: SdkConfig) -> Self {
        let (metrics, renewal) = (Metrics::default(), Renewal::default());
        Self {
            http: base.http_client().unwrap_or_else(transport::of_changes),
            base: settings::apply(base, &renewal),
            renewal,
            own_identity: Kept::default(),
            roles: Arc::default(),
            opened: Kept::default(),
            budgets: Budgets::new(metrics.clone()),
            metrics,
            fence: Fence::open(),
        }
    }

    /// From the standard settings: environment variables, the shared config files, the pod's or the node's role
    /// ("Configuring the AWS SDK for Rust", its Developer Guide). Fails never; what is missing shows at the first call.
    pub async fn from_environment() -> Self {
        let loader = aws_config::defaults(settings::behavior_version())
            .retry_config(settings::retries_of_reads())
            .timeout_config(settings::timeouts_of_reads());
        Self::new(loader.load().await)
    }

    /// What the calls are counted in, and the process counts the rest of what it does in as well.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// The same, changing nothing while the fence is closed. To be said before anything is opened.
    pub fn behind(self, fence: Fence) -> Self {
        Self { fence, ..self }
    }

    /// Whether this replica may change anything now.
    pub fn may_change(&self) -> bool {
        self.fence.is_open()
    }

    /// Who the operator itself is. Asked once; only a success is kept.
    pub async fn own_identity(&self) -> Result<Identity, Problem> {
        let config = at(&self.base, &self.home_region(None));
        let session = Session { metrics: self.metrics.clone(), renewal: self.renewal.clone(), ..Session::default() };
        self.own_identity.get(&(), || who(config, session)).await
    }

    /// The operator's own region, where a setting tells it.
    pub fn own_region(&self) -> Option<String> {
        self.base.region().map(|region| region.as_ref().to_owned())
    }

    /// EC2 in `place`, with credentials that AWS said to be `place.account_id`'s. The first asker opens the place for all
    /// services, later ones share it; only a success is kept.
    ///
    /// Errors: Stop/WrongAccount when the credentials are another account's, Stop/AssumeRoleFailed when the role can't
    /// be assumed, otherwise as the call to AWS went.
    pub async fn ec2(&self, place: &Place) -> Result<Ec2, Problem> {
        Ok(self.opened(place).await?.ec2)
    }

    /// Security Hub in `place`; as [`Self::ec2`].
    pub async fn security_hub(&self, place: &Place) -> Result<SecurityHub, Problem> {
        Ok(self.opened(place).await?.security_hub)
    }

    /// SQS in `place`, whatever accounts its queues are in; as [`Self::ec2`].
    pub async fn sqs(&self, place: &Place) -> Result<Sqs, Problem> {
        Ok(self.opened(place).await?.sqs)
    }

    async fn opened(&self, place: &Place) -> Result<Opened, Problem> {
        self.opened.get(place, || self.open(place.clone())).await
    }

    fn open(&self, place: Place) -> impl Future<Output = Result<Opened, Problem>> + Send + use<> {
        let (base, roles, home) = (self.base.clone(), self.roles.clone(), self.home_region(Some(&place)));
        let (budget, metrics) = (self.budgets.of(&place.account_id, &place.region), self.metrics.clone());
        let (renewal, fence, http) = (self.renewal.clone(), self.fence.clone(), self.http.clone());
        async move {
            let mut config = at(&base, &place.region);
            if let Some(role) = &place.role {
                let provider = roles.get(role, || assume(at(&base, &home), role.clone())).await?;
                config = config.into_builder().credentials_provider(provider).build();
            }
            let session = Session {
                account_id: place.account_id.clone(),
                region: place.region.clone(),
                role_arn: place.role.as_ref().map(|role| role.arn.clone()),
                metrics,
                renewal,
            };
            let identity = who(config.clone(), session.clone()).await?;
            if identity.account_id != place.account_id {
                return Err(wrong_account(&place, &identity));
            }
            let clients = Clients { changes: settings::of_changes(&config, http), reads: config, fence };
            Ok(Opened {
                ec2: Ec2::new(&clients, session.clone(), budget.clone()),
                security_hub: SecurityHub::new(&clients, session.clone(), budget),
                sqs: Sqs::new(&clients, session),
            })
        }
    }

    /// Where AssumeRole and the operator's own identity are asked. A place's region is certain to lie in the right
    /// partition.
    fn home_region(&self, place: Option<&Place>) -> String {
        self.own_region()
            .or_else(|| place.map(|place| place.region.clone()))
            .unwrap_or_else(|| FALLBACK_REGION.to_owned())
    }
}

fn at(base: &SdkConfig, region: &str) -> SdkConfig {
    base.to_builder().region(Region::new(region.to_owned())).build()
}

/// The provider is shared by all regions of a role: the SDK's cache of credentials is by provider.
async fn assume(base: SdkConfig, role: Role) -> Result<SharedCredentialsProvider, Problem> {
    let Role { arn, external_id, session_name } = role;
    let mut provider = AssumeRoleProvider::builder(arn).session_name(session_name).configure(&base);
    if let Some(external_id) = external_id {
        provider = provider.external_id(external_id);
    }
    Ok(SharedCredentialsProvider::new(provider.build().await))
}

/// Needs no permission: "GetCallerIdentity", AWS STS API Reference.
async fn who(config: SdkConfig, session: Session) -> Result<Identity, Problem> {
    let region = config.region().map(|region| region.as_ref().to_owned()).unwrap_or_default();
    let session = Session { region, ..session };
    let call = aws_sdk_sts::Client::new(&config).get_caller_identity().send();
    let answer = session.call("sts:GetCallerIdentity", call).await?;
    let arn = required("the caller's ARN", answer.arn())?;
    Ok(Identity {
        account_id: required("the caller's account", answer.account())?,
        partition: required("the caller's partition", arn.split(':').nth(1))?,
        arn,
    })
}

fn wrong_account(place: &Place, identity: &Identity) -> Problem {
    let Place { account_id, region, role } = place;
    let advice = match role {
        Some(role) => format!("The role {} leads to another account: correct the class's assumeRole", role.arn),
        None => "Only a role leads there: give the class assumeRole.roleName".to_owned(),
    };
    let message = format!(
        "Account {account_id} is asked for in {region}, but the credentials are account {}'s ({}). {advice}. Nothing was \
         done.",
        identity.account_id, identity.arn
    );
    Problem::new(Disposition::Stop, Reason::WrongAccount, message)
}
