//! How often somebody may ask: a budget for each kind of request, for the customer and for the address. See docs/TRUST.md.

mod accounts;
mod address;
mod settings;

use std::fmt::Write as _;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use actix_web::body::BoxBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::{Error, HttpRequest, web};
use chassis::ApiError;
use contract::{Code, Problem};

pub use accounts::{Accounts, Subject};
pub use address::{Proxies, client_address};
pub use settings::{Budget, LimitSettings, Switch};

use crate::identity::{self, Known};
use crate::metrics::GateMetrics;
use crate::scripts::{ScriptError, draw_tokens};
use crate::service::Gate;
use accounts::Ask;

/// What is left of the budget that has the least left.
pub static RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
/// That budget.
pub static RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// What a request is, as far as its budget is concerned. Every GET is a read, whatever its path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Looks at something.
    Reads,
    /// Takes something for a while, or gives it back.
    Holds,
    /// Makes or changes something that stays.
    Bookings,
    /// Makes a guest.
    Sessions,
}

impl Kind {
    /// The word in headers and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reads => "reads",
            Self::Holds => "holds",
            Self::Bookings => "bookings",
            Self::Sessions => "sessions",
        }
    }
}

/// The limits of this replica. Its workers share one.
pub struct Limits {
    settings: LimitSettings,
    accounts: Accounts,
    metrics: GateMetrics,
}

/// What one budget says to a request.
struct Word {
    subject: Subject,
    budget: Budget,
    /// Tokens left, as far as this replica knows; or how long to wait for one.
    left: Result<u32, Duration>,
}

impl Limits {
    /// Nothing lent yet.
    #[must_use]
    pub fn new(settings: LimitSettings, metrics: GateMetrics) -> Self {
        Self { settings, accounts: Accounts::default(), metrics }
    }

    /// What the budgets of a request say: the first that refuses, or the one that has the least left. The address is asked first:
    /// who shares one with somebody hasty pays for it once, not twice; and no token is looked at for an address that is over.
    async fn ask(&self, gate: &Gate, kind: Kind, request: &HttpRequest) -> Option<Word> {
        let of_address = self.word(gate, kind, self.address(request)).await;
        if of_address.as_ref().is_some_and(|word| word.left.is_err()) {
            return of_address;
        }
        let of_caller = self.word(gate, kind, caller(request)).await;
        [of_caller, of_address].into_iter().flatten().min_by_key(|word| word.left.ok())
    }

    async fn word(&self, gate: &Gate, kind: Kind, subject: Option<Subject>) -> Option<Word> {
        let subject = subject?;
        let budget = self.settings.budget(kind, subject)?;
        Some(Word { subject, budget, left: self.take(gate, kind, subject, budget).await })
    }

    fn address(&self, request: &HttpRequest) -> Option<Subject> {
        client_address(request, &self.settings.trusted_proxies).map(Subject::of_address)
    }

    /// Takes as many tokens more as a request turned out to be for, besides the one it cost itself; or none, and says how long it
    /// is until there will be as many, at whichever replica.
    pub async fn charge(&self, gate: &Gate, kind: Kind, request: &HttpRequest, more: u32) -> Result<(), ApiError> {
        if self.settings.limits == Switch::Off || more == 0 {
            return Ok(());
        }
        let mut charged = Vec::new();
        for subject in [self.address(request), caller(request)].into_iter().flatten() {
            let Some(budget) = self.settings.budget(kind, subject) else { continue };
            // No more than a full bucket has, or whoever has a small one would wait for ever.
            let tokens = more.min(budget.tokens - 1);
            if tokens == 0 {
                continue;
            }
            match draw_tokens::call_for_all(&gate.link, kind, subject, budget, tokens).await {
                Ok(drawn) if drawn.granted < tokens => {
                    for (subject, budget, tokens) in charged {
                        // Should it fail, they come back with time.
                        let _ = draw_tokens::give_back(&gate.link, kind, subject, budget, tokens).await;
                    }
                    self.metrics.limited.with_label_values(&[kind.as_str(), subject.kind()]).inc();
                    // And one for the request that comes then.
                    return Err(too_many(kind, subject, drawn.wait + budget.interval()));
                }
                Ok(_) => charged.push((subject, budget, tokens)),
                Err(error) => self.open(kind, &error),
            }
        }
        Ok(())
    }

    /// Tells that a budget could not be asked.
    fn open(&self, kind: Kind, error: &ScriptError) {
        self.metrics.limits_open.inc();
        tracing::warn!(%error, kind = kind.as_str(), "a budget cannot be asked; requests are let through");
    }

    /// Takes one token, and draws some from Redis first if none is at hand. Whoever cannot be told no by Redis is let through.
    async fn take(&self, gate: &Gate, kind: Kind, subject: Subject, budget: Budget) -> Result<u32, Duration> {
        let turn = match self.accounts.ask(kind, subject, budget, Instant::now()) {
            Ask::Granted(left) => return Ok(left),
            Ask::Refused(wait) => return Err(wait),
            Ask::Draw(turn) => turn,
        };
        // Boxed, or every request would be as large as one that asks Redis.
        Box::pin(self.draw(&turn, gate, (kind, subject, budget))).await
    }

    async fn draw(
        &self,
        turn: &tokio::sync::Mutex<()>,
        gate: &Gate,
        (kind, subject, budget): (Kind, Subject, Budget),
    ) -> Result<u32, Duration> {
        // One draws, the others wait for what comes of it: as many draws at once would empty a bucket for nobody.
        let _turn = turn.lock().await;
        match self.accounts.ask(kind, subject, budget, Instant::now()) {
            Ask::Granted(left) => Ok(left),
            Ask::Refused(wait) => Err(wait),
            Ask::Draw(_) => {
                let drawn = draw_tokens::call(&gate.link, kind, subject, budget).await;
                if let Err(error) = &drawn {
                    // Once a second for each account at most: after that nobody asks for as long.
                    self.open(kind, error);
                }
                self.accounts.drawn(kind, subject, budget, drawn.ok(), Instant::now())
            }
        }
    }
}

fn caller(request: &HttpRequest) -> Option<Subject> {
    identity::of(request).ok().map(Subject::of_caller)
}

/// Goes on with the request if its customer and its address have room for it.
pub async fn keep(
    kind: Kind,
    request: ServiceRequest,
    then: impl AsyncFnOnce(ServiceRequest) -> Result<ServiceResponse<BoxBody>, Error>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let limits = request.app_data::<web::Data<Limits>>().filter(|limits| limits.settings.limits == Switch::On);
    let (Some(limits), Some(gate)) = (limits.cloned(), request.app_data::<web::Data<Gate>>().cloned()) else {
        return then(request).await;
    };
    let kind = if matches!(*request.method(), Method::GET | Method::HEAD) { Kind::Reads } else { kind };
    let Some(word) = limits.ask(&gate, kind, request.request()).await else {
        return then(request).await;
    };
    let mut response = match word.left {
        Ok(_) => then(request).await?,
        Err(wait) => {
            limits.metrics.limited.with_label_values(&[kind.as_str(), word.subject.kind()]).inc();
            request.error_response(too_many(kind, word.subject, wait)).map_into_boxed_body()
        }
    };
    for (name, value) in headers(kind, &word) {
        response.headers_mut().insert(name.clone(), value);
    }
    Ok(response)
}

fn too_many(kind: Kind, subject: Subject, wait: Duration) -> ApiError {
    let (whose, what) = (subject.kind(), kind.as_str());
    let mut problem =
        Problem::new(Code::TooManyRequests, format!("Too many {what} from this {whose}; nothing was done."));
    problem.retry_after_seconds = Some(u32::try_from(whole_seconds(wait)).unwrap_or(u32::MAX).max(1));
    problem.into()
}

/// draft-ietf-httpapi-ratelimit-headers: `"customer-holds";r=17;t=2` of `"customer-holds";q=20;w=10`.
fn headers(kind: Kind, word: &Word) -> Vec<(&'static HeaderName, HeaderValue)> {
    let Budget { tokens, window } = word.budget;
    let (whose, what) = (word.subject.kind(), kind.as_str());
    let (left, wait) = match word.left {
        Ok(left) => (left, word.budget.interval() * (tokens - left.min(tokens))),
        Err(wait) => (0, wait),
    };
    let (mut now, mut policy) = (String::with_capacity(40), String::with_capacity(40));
    let _ = write!(now, "\"{whose}-{what}\";r={left};t={}", whole_seconds(wait));
    let _ = write!(policy, "\"{whose}-{what}\";q={tokens};w={}", window.as_secs());
    let value = |text: String| HeaderValue::try_from(text).ok();
    let values = [(&RATE_LIMIT, value(now)), (&RATE_LIMIT_POLICY, value(policy))];
    values.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

fn whole_seconds(time: Duration) -> u64 {
    time.as_millis().div_ceil(1_000).try_into().unwrap_or(u64::MAX)
}

impl Subject {
    /// An IPv4 address by itself, an IPv6 address by the /64 that one household has.
    #[must_use]
    pub fn of_address(address: IpAddr) -> Self {
        Self::Address(address::counted_as(address))
    }

    /// Whoever has shown a token, or a key.
    #[must_use]
    pub fn of_caller(known: Known) -> Self {
        known.key.map_or(Self::Customer(known.customer_id), Self::Key)
    }

    /// Which one.
    #[must_use]
    pub fn id(self) -> String {
        match self {
            Self::Customer(customer) => customer.to_string(),
            Self::Key(key) => key.to_string(),
            Self::Address(address) => address.to_string(),
        }
    }

    /// What it is, for headers, metrics and people.
    #[must_use]
    pub fn kind(self) -> &'static str {
        match self {
            Self::Customer(_) => "customer",
            Self::Key(_) => "key",
            Self::Address(_) => "address",
        }
    }
}
