//! What things cost, in points. A point is about what one field of one object costs to answer. Costs are made of the document and its
//! variables alone, never of what is found: they tell nothing of the data.

/// What a request costs before it selects anything: a transaction, and who asks.
pub(super) const REQUEST: u64 = 50;

/// What each mutation of a document costs besides, and each item of a list that one is given: it is locked, checked, written and audited.
pub(super) const MUTATION: u64 = 10;

/// Fields about the schema that cost as much as one of data: they are in memory.
pub(super) const INTROSPECTION: u64 = 20;

/// How many bytes of a document that is refused cost a point: somebody had to read it.
pub(super) const BYTES: u64 = 64;

/// How many bytes a value takes besides its text.
pub(super) const VALUE: u64 = 32;

/// What a refusal costs besides.
pub(super) const REFUSAL: u64 = 10;

/// The size of a page where neither `first` nor `last` is given (DESIGN.md 9).
const DEFAULT_PAGE: u64 = 20;

/// The largest page: a resolver refuses more by itself and with a better message, so more is not counted here.
pub(super) const LARGEST_PAGE: u64 = 100;

/// The longest trend: as `postureTrend` says.
pub(super) const LONGEST_TREND: u64 = 366;

/// How many objects a field may answer where the document does not say how many; `is_given` tells which arguments it has.
pub(super) fn size_of(field: &str, is_given: impl Fn(&str) -> bool) -> u64 {
    match field {
        // Lists of a size of their own, or of none that is known: what is usual. What can be asked about the schema is as large as it is
        // here, or larger.
        "addOns" | "plans" | "fields" | "directives" => 10,
        "byOperatingModel" | "prepaidLicenses" => 3,
        "byStatus" | "visibility" => 6,
        "partners" | "enumValues" => 5,
        "postureTrend" if is_given("since") => LONGEST_TREND,
        "postureTrend" => 30,
        "accessRecords" | "accesses" | "apiKeys" | "assets" | "auditLog" | "children" | "componentSearch"
        | "components" | "evidence" | "findings" | "history" | "lines" | "postureShares" | "quotes"
        | "roles" | "scanSchedules" | "scans" | "targets" | "users" => DEFAULT_PAGE,
        "types" => 200,
        "inputFields" => 4,
        "args" | "possibleTypes" => 2,
        _ if is_given("first") || is_given("last") => DEFAULT_PAGE,
        _ => 1,
    }
}

/// What a field costs by itself.
pub(super) fn weight_of(field: &str) -> u64 {
    match field {
        // Many rows are read for one object.
        "billing" | "changes" | "componentSearch" | "dashboard" | "exposure" => 20,
        // A thousand findings at most.
        "triageFindings" => 1_000,
        _ => 1,
    }
}
