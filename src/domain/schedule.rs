//! When a recurring scan is due: pure arithmetic over local times, right across daylight saving and short months.

use std::str::FromStr;

use chrono::{
    DateTime, Datelike as _, Days, MappedLocalTime, Months, NaiveDate, NaiveTime, TimeDelta, TimeZone as _,
    Utc, Weekday,
};
use chrono_tz::Tz;

use super::scan::ScanFrequency;
use super::text_enum::text_enum;

text_enum! {
    /// A day of the week.
    DayOfWeek {
        /// The first one (ISO 8601).
        Monday = "MONDAY",
        /// The second one.
        Tuesday = "TUESDAY",
        /// The third one.
        Wednesday = "WEDNESDAY",
        /// The fourth one.
        Thursday = "THURSDAY",
        /// The fifth one.
        Friday = "FRIDAY",
        /// The sixth one.
        Saturday = "SATURDAY",
        /// The last one.
        Sunday = "SUNDAY",
    }
}

impl From<DayOfWeek> for Weekday {
    fn from(day: DayOfWeek) -> Self {
        match day {
            DayOfWeek::Monday => Self::Mon,
            DayOfWeek::Tuesday => Self::Tue,
            DayOfWeek::Wednesday => Self::Wed,
            DayOfWeek::Thursday => Self::Thu,
            DayOfWeek::Friday => Self::Fri,
            DayOfWeek::Saturday => Self::Sat,
            DayOfWeek::Sunday => Self::Sun,
        }
    }
}

/// On which days.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recurrence {
    /// On each.
    Daily,
    /// On this one of every week.
    Weekly(DayOfWeek),
    /// On this one of every month, 1 to 31; where the month is shorter, on its last.
    Monthly(u8),
}

impl Recurrence {
    /// Without the day.
    #[must_use]
    pub const fn frequency(self) -> ScanFrequency {
        match self {
            Self::Daily => ScanFrequency::Daily,
            Self::Weekly(_) => ScanFrequency::Weekly,
            Self::Monthly(_) => ScanFrequency::Monthly,
        }
    }

    /// The day, where it is one of the week.
    #[must_use]
    pub const fn day_of_week(self) -> Option<DayOfWeek> {
        match self {
            Self::Weekly(day) => Some(day),
            Self::Daily | Self::Monthly(_) => None,
        }
    }

    /// The day, where it is one of the month.
    #[must_use]
    pub const fn day_of_month(self) -> Option<u8> {
        match self {
            Self::Monthly(day) => Some(day),
            Self::Daily | Self::Weekly(_) => None,
        }
    }

    fn includes(self, date: NaiveDate) -> bool {
        match self {
            Self::Daily => true,
            Self::Weekly(day) => date.weekday() == day.into(),
            Self::Monthly(day) => date.day() == u32::from(day).min(last_of_month(date)),
        }
    }
}

/// The number of the month's last day.
fn last_of_month(date: NaiveDate) -> u32 {
    let next_month = date.with_day(1).and_then(|first| first.checked_add_months(Months::new(1)));
    next_month.and_then(|first| first.pred_opt()).map_or(31, |last| last.day())
}

/// A place whose clocks and their changes are known, by its name in the IANA database: `Europe/Berlin`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeZone(Tz);

impl TimeZone {
    /// The one without changes.
    pub const UTC: Self = Self(Tz::UTC);

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.0.name()
    }

    /// The first instant at which a clock there shows this time or a later one. A time that the clocks leave out in spring is
    /// the first instant after the gap; of a time that they show twice in autumn it is the first.
    fn instant(self, date: NaiveDate, time: NaiveTime) -> Option<DateTime<Utc>> {
        let mut local = date.and_time(time);
        // The longest gap there was is a day, where a country changed the side of the date line.
        for _ in 0..=2 * 24 * 60 {
            match self.0.from_local_datetime(&local) {
                MappedLocalTime::Single(at) | MappedLocalTime::Ambiguous(at, _) => return Some(at.to_utc()),
                MappedLocalTime::None => local = local.checked_add_signed(TimeDelta::minutes(1))?,
            }
        }
        None
    }
}

impl FromStr for TimeZone {
    type Err = UnknownTimeZone;

    fn from_str(name: &str) -> Result<Self, UnknownTimeZone> {
        name.parse().map(Self).map_err(|_| UnknownTimeZone)
    }
}

/// A name that the IANA database does not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the IANA database knows no time zone of this name")]
pub struct UnknownTimeZone;

/// When something recurs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// On which days.
    pub recurrence: Recurrence,
    /// At which time of the day, on the clocks of the zone.
    pub start_time: NaiveTime,
    /// Whose clocks.
    pub time_zone: TimeZone,
}

/// The first time that a schedule is due after an instant. Past the end of the calendar it is the calendar's end.
#[must_use]
pub fn next_run(schedule: &Schedule, after: DateTime<Utc>) -> DateTime<Utc> {
    // From two days before on: the zone's date may be yesterday's, and a gap can move a time past midnight. The same day of the
    // next month comes 31 days later at most.
    let today = after.date_naive();
    let first = today.checked_sub_days(Days::new(2)).unwrap_or(today);
    (0..=64)
        .filter_map(|nth| first.checked_add_days(Days::new(nth)))
        .filter(|date| schedule.recurrence.includes(*date))
        .filter_map(|date| schedule.time_zone.instant(date, schedule.start_time))
        .find(|at| *at > after)
        .unwrap_or(DateTime::<Utc>::MAX_UTC)
}

/// A time of the day as `HH:MM`, on a clock of 24 hours.
#[must_use]
pub fn parse_start_time(text: &str) -> Option<NaiveTime> {
    let (hours, minutes) = text.split_once(':')?;
    let is_two_digits = |part: &str| part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
    if !is_two_digits(hours) || !is_two_digits(minutes) {
        return None;
    }
    NaiveTime::from_hms_opt(hours.parse().ok()?, minutes.parse().ok()?, 0)
}

#[cfg(test)]
mod tests {
    use chrono::Timelike as _;
    use proptest::prelude::*;

    use super::*;

    fn schedule(recurrence: Recurrence, start: &str, zone: &str) -> Schedule {
        Schedule {
            recurrence,
            start_time: parse_start_time(start).unwrap(),
            time_zone: zone.parse().unwrap(),
        }
    }

    /// The next runs, one after another, as a clock of the zone and UTC's show them.
    fn runs(schedule: &Schedule, after: &str, count: usize) -> Vec<String> {
        let mut at: DateTime<Utc> = after.parse().unwrap();
        let mut shown = Vec::new();
        for _ in 0..count {
            at = next_run(schedule, at);
            let local = at.with_timezone(&schedule.time_zone.0);
            shown.push(format!("{} = {}Z", local.format("%a %F %R%z"), at.format("%dT%R")));
        }
        shown
    }

    #[test]
    fn a_time_that_spring_leaves_out_runs_right_after_the_gap_and_only_that_once() {
        // In Berlin the clocks go from 01:59 to 03:00 on 29 March 2026.
        let nightly = schedule(Recurrence::Daily, "02:30", "Europe/Berlin");
        assert_eq!(
            runs(&nightly, "2026-03-27T12:00:00Z", 3),
            [
                "Sat 2026-03-28 02:30+0100 = 28T01:30Z",
                "Sun 2026-03-29 03:00+0200 = 29T01:00Z",
                "Mon 2026-03-30 02:30+0200 = 30T00:30Z"
            ]
        );
        // Right at the edges of the gap there is nothing special.
        let at_three = schedule(Recurrence::Daily, "03:00", "Europe/Berlin");
        assert_eq!(runs(&at_three, "2026-03-28T12:00:00Z", 1), ["Sun 2026-03-29 03:00+0200 = 29T01:00Z"]);
        let before_two = schedule(Recurrence::Daily, "01:59", "Europe/Berlin");
        assert_eq!(runs(&before_two, "2026-03-28T12:00:00Z", 1), ["Sun 2026-03-29 01:59+0100 = 29T00:59Z"]);
        // Weekly and monthly ones are not lost either.
        let weekly = schedule(Recurrence::Weekly(DayOfWeek::Sunday), "02:30", "Europe/Berlin");
        assert_eq!(runs(&weekly, "2026-03-23T12:00:00Z", 1), ["Sun 2026-03-29 03:00+0200 = 29T01:00Z"]);
        let monthly = schedule(Recurrence::Monthly(29), "02:30", "Europe/Berlin");
        assert_eq!(runs(&monthly, "2026-03-23T12:00:00Z", 1), ["Sun 2026-03-29 03:00+0200 = 29T01:00Z"]);
    }

    #[test]
    fn a_time_that_autumn_shows_twice_runs_once_at_the_first() {
        // In Berlin the clocks show 02:00 to 02:59 twice on 25 October 2026, in New York 01:00 to 01:59 on 1 November.
        let nightly = schedule(Recurrence::Daily, "02:30", "Europe/Berlin");
        assert_eq!(
            runs(&nightly, "2026-10-23T12:00:00Z", 3),
            [
                "Sat 2026-10-24 02:30+0200 = 24T00:30Z",
                "Sun 2026-10-25 02:30+0200 = 25T00:30Z",
                "Mon 2026-10-26 02:30+0100 = 26T01:30Z"
            ]
        );
        // Asked between the two of them, the second one is none.
        assert_eq!(runs(&nightly, "2026-10-25T01:00:00Z", 1), ["Mon 2026-10-26 02:30+0100 = 26T01:30Z"]);
        let american = schedule(Recurrence::Weekly(DayOfWeek::Sunday), "01:30", "America/New_York");
        assert_eq!(
            runs(&american, "2026-10-26T00:00:00Z", 2),
            ["Sun 2026-11-01 01:30-0400 = 01T05:30Z", "Sun 2026-11-08 01:30-0500 = 08T06:30Z"]
        );
    }

    #[test]
    fn clocks_that_change_by_half_an_hour_at_midnight_or_by_a_day_are_followed() {
        let lord_howe = schedule(Recurrence::Daily, "02:10", "Australia/Lord_Howe");
        assert_eq!(runs(&lord_howe, "2026-10-02T16:00:00Z", 1), ["Sun 2026-10-04 02:30+1100 = 03T15:30Z"]);
        // Midnight itself is left out: it runs on the same day, at one.
        let cairo = schedule(Recurrence::Daily, "00:00", "Africa/Cairo");
        assert_eq!(
            runs(&cairo, "2026-04-23T00:00:00Z", 2),
            ["Fri 2026-04-24 01:00+0300 = 23T22:00Z", "Sat 2026-04-25 00:00+0300 = 24T21:00Z"]
        );
        // A day that never was: Samoa went from 29 to 31 December 2011.
        let samoa = schedule(Recurrence::Monthly(30), "12:00", "Pacific/Apia");
        assert_eq!(runs(&samoa, "2011-12-20T00:00:00Z", 1), ["Sat 2011-12-31 00:00+1400 = 30T10:00Z"]);
    }

    #[test]
    fn the_29th_to_31st_of_a_shorter_month_is_its_last_day() {
        let days = |day, after, count| {
            let monthly = schedule(Recurrence::Monthly(day), "06:00", "UTC");
            let mut at: DateTime<Utc> = after;
            (0..count)
                .map(|_| {
                    at = next_run(&monthly, at);
                    at.format("%m-%d").to_string()
                })
                .collect::<Vec<_>>()
        };
        let january = "2026-01-01T00:00:00Z".parse().unwrap();
        assert_eq!(days(31, january, 5), ["01-31", "02-28", "03-31", "04-30", "05-31"]);
        assert_eq!(days(30, january, 5), ["01-30", "02-28", "03-30", "04-30", "05-30"]);
        assert_eq!(days(29, january, 3), ["01-29", "02-28", "03-29"]);
        assert_eq!(days(28, january, 3), ["01-28", "02-28", "03-28"]);
        assert_eq!(days(1, january, 2), ["01-01", "02-01"]);
        // A leap year, and a century that is none.
        let leap = "2028-01-30T12:00:00Z".parse().unwrap();
        assert_eq!(days(29, leap, 2), ["02-29", "03-29"]);
        assert_eq!(days(31, leap, 3), ["01-31", "02-29", "03-31"]);
        assert_eq!(days(29, "2100-02-01T00:00:00Z".parse().unwrap(), 2), ["02-28", "03-29"]);
    }

    #[test]
    fn a_time_that_is_now_is_due_the_next_time() {
        let daily = schedule(Recurrence::Daily, "12:00", "UTC");
        assert_eq!(runs(&daily, "2026-06-15T11:59:59.999999Z", 1), ["Mon 2026-06-15 12:00+0000 = 15T12:00Z"]);
        assert_eq!(runs(&daily, "2026-06-15T12:00:00Z", 1), ["Tue 2026-06-16 12:00+0000 = 16T12:00Z"]);
        // After a year's downtime there is one next run, not a year of them.
        assert_eq!(runs(&daily, "2027-06-15T12:00:01Z", 1), ["Wed 2027-06-16 12:00+0000 = 16T12:00Z"]);
    }

    #[test]
    fn the_end_of_the_calendar_is_no_failure() {
        let daily = schedule(Recurrence::Daily, "12:00", "Pacific/Kiritimati");
        assert_eq!(next_run(&daily, DateTime::<Utc>::MAX_UTC), DateTime::<Utc>::MAX_UTC);
        assert!(next_run(&daily, DateTime::<Utc>::MIN_UTC) > DateTime::<Utc>::MIN_UTC);
    }

    #[test]
    fn start_times_are_hours_and_minutes() {
        for (text, minutes) in [("00:00", Some(0)), ("02:30", Some(150)), ("23:59", Some(1439))] {
            let parsed = parse_start_time(text).map(|time| time.num_seconds_from_midnight() / 60);
            assert_eq!(parsed, minutes, "{text}");
        }
        for text in
            ["", "2:30", "02:3", "24:00", "02:60", "02:30:00", "+2:30", "02.30", "ab:cd", "02:30 ", "٠٢:٣٠"]
        {
            assert_eq!(parse_start_time(text), None, "{text}");
        }
    }

    #[test]
    fn time_zones_are_known_by_their_names_in_the_database() {
        for name in ["UTC", "Europe/Berlin", "America/Argentina/Ushuaia", "Asia/Kolkata", "Etc/GMT+12"] {
            assert_eq!(name.parse::<TimeZone>().map(TimeZone::name), Ok(name));
        }
        for name in ["", "Berlin", "europe/berlin", "CEST", "+02:00", "Europe/Berlin "] {
            assert_eq!(name.parse::<TimeZone>(), Err(UnknownTimeZone), "{name}");
        }
    }

    fn any_schedule() -> impl Strategy<Value = Schedule> {
        let recurrence = prop_oneof![
            Just(Recurrence::Daily),
            (0..7_usize).prop_map(|nth| Recurrence::Weekly(DayOfWeek::ALL[nth])),
            (1..=31_u8).prop_map(Recurrence::Monthly),
        ];
        (recurrence, 0..1440_u32, 0..chrono_tz::TZ_VARIANTS.len()).prop_map(|(recurrence, minute, zone)| {
            Schedule {
                recurrence,
                start_time: NaiveTime::from_num_seconds_from_midnight_opt(minute * 60, 0).unwrap(),
                time_zone: TimeZone(chrono_tz::TZ_VARIANTS[zone]),
            }
        })
    }

    proptest! {
        /// Of every schedule, anywhere, at any time: the next run comes after now, stays the next one until then, and is the only
        /// one for its day; no day that the schedule names goes without one.
        #[test]
        fn each_day_that_is_named_has_exactly_one_run(
            schedule in any_schedule(), start in 946_684_800_i64..2_524_608_000, between in 0.0..1.0_f64,
        ) {
            let mut at = DateTime::from_timestamp(start, 0).unwrap();
            let mut dates = Vec::new();
            for _ in 0..6 {
                let next = next_run(&schedule, at);
                prop_assert!(next > at);
                #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "any instant in between")]
                let later = at + TimeDelta::seconds((between * ((next - at).num_seconds() - 1) as f64) as i64);
                prop_assert_eq!(next_run(&schedule, later), next);
                let local = next.with_timezone(&schedule.time_zone.0).naive_local();
                // Off the named time it is only where the clocks leave that out.
                if local.time() == schedule.start_time {
                    dates.push(local.date());
                } else {
                    let named = (0..3).map(|back| local.date() - Days::new(back)).find(|date| {
                        let is_left_out = schedule.time_zone.0.from_local_datetime(&date.and_time(schedule.start_time));
                        schedule.recurrence.includes(*date) && is_left_out == MappedLocalTime::None
                    });
                    prop_assert!(named.is_some(), "{} is off {}", local, schedule.start_time);
                    dates.extend(named);
                }
                at = next;
            }
            let (first, last) = (dates[0], dates[dates.len() - 1]);
            let named: Vec<_> =
                first.iter_days().take_while(|date| *date <= last).filter(|date| schedule.recurrence.includes(*date)).collect();
            prop_assert_eq!(dates, named);
        }
    }
}
