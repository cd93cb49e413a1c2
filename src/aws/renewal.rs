//! The cache of credentials, which is emptied when AWS calls a session expired: it answers RequestExpired to an old session
//! as it does to a request from the past, so fresh credentials are tried once before a clock is blamed. A session can end
//! before its time is up, or without having told one: credentials in a file that something else renews, for instance.

use aws_config::identity::IdentityCache;
use aws_smithy_runtime_api::client::identity::{
    IdentityFuture, ResolveCachedIdentity, SharedIdentityCache, SharedIdentityResolver,
};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How often the cache is emptied for one whose fresh credentials are refused, too: what gives them may have new ones.
const AGAIN: Duration = Duration::from_secs(60);

/// Cheap to clone; all clones share their credentials.
#[derive(Clone, Debug)]
pub struct Renewal(Arc<Mutex<Inner>>);

#[derive(Debug)]
struct Inner {
    cache: SharedIdentityCache,
    /// By role and operation, of those that haven't succeeded since.
    renewed: HashMap<Caller, Renewed>,
}

/// The role, none: the operator's own credentials; and the operation.
type Caller = (Option<String>, &'static str);

#[derive(Clone, Copy, Debug)]
struct Renewed {
    first: Instant,
    last: Instant,
}

/// What an expired session comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expired {
    /// The next call has fresh credentials.
    Renewed,
    /// This call had fresh credentials.
    InVain,
}

impl Default for Renewal {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Inner { cache: empty(), renewed: HashMap::new() })))
    }
}

impl Renewal {
    /// A call as `role` that began then was refused, for its session has expired.
    pub fn expired(&self, role: Option<&str>, operation: &'static str, began: Instant) -> Expired {
        let (now, caller) = (Instant::now(), (role.map(str::to_owned), operation));
        let mut inner = self.inner();
        let before = inner.renewed.get(&caller).copied();
        if before.is_none_or(|renewed| now.duration_since(renewed.last) >= AGAIN) {
            inner.cache = empty();
            let first = before.map_or(now, |renewed| renewed.first);
            inner.renewed.insert(caller, Renewed { first, last: now });
        }
        match before {
            Some(renewed) if renewed.first <= began => Expired::InVain,
            _ => Expired::Renewed,
        }
    }

    /// A call as `role` succeeded.
    pub fn succeeded(&self, role: Option<&str>, operation: &'static str) {
        let mut inner = self.inner();
        if !inner.renewed.is_empty() {
            inner.renewed.remove(&(role.map(str::to_owned), operation));
        }
    }

    /// A poisoned lock is as good as any: nothing is ever half written.
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn cache(&self) -> SharedIdentityCache {
        self.inner().cache.clone()
    }
}

fn empty() -> SharedIdentityCache {
    IdentityCache::lazy().build()
}

impl ResolveCachedIdentity for Renewal {
    fn resolve_cached_identity<'a>(
        &'a self,
        resolver: SharedIdentityResolver,
        components: &'a RuntimeComponents,
        config: &'a ConfigBag,
    ) -> IdentityFuture<'a> {
        let cache = self.cache();
        IdentityFuture::new(async move { cache.resolve_cached_identity(resolver, components, config).await })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALL: &str = "ec2:DescribeInstances";

    #[test]
    fn a_clock_is_blamed_once_fresh_credentials_are_refused_too_and_a_success_ends_that() {
        let renewal = Renewal::default();
        let expired = |role| renewal.expired(role, CALL, Instant::now());
        assert_eq!(expired(Some("role")), Expired::Renewed);
        assert_eq!(expired(Some("role")), Expired::InVain);
        renewal.succeeded(Some("role"), "ec2:DescribeSecurityGroups");
        assert_eq!(expired(Some("role")), Expired::InVain, "it reads the same each time");
        assert_eq!(expired(None), Expired::Renewed, "another's credentials are others");
        renewal.succeeded(Some("role"), CALL);
        assert_eq!(expired(Some("role")), Expired::Renewed);
    }

    #[test]
    fn a_call_that_began_before_the_renewal_tells_nothing_of_the_fresh_credentials() {
        let (renewal, began) = (Renewal::default(), Instant::now());
        assert_eq!(renewal.expired(None, CALL, Instant::now()), Expired::Renewed);
        assert_eq!(renewal.expired(None, CALL, began), Expired::Renewed);
    }
}
