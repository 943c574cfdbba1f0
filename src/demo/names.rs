//! What organisations and people of the demo are called. Plain ASCII, and no two companies share a first word, so that
//! every collation sorts them the same.

use super::dice::Dice;

/// First words of customers' names; the word also makes the domain below `example`.
const FIRST_WORDS: [&str; 104] = [
    "Acorn",
    "Aster",
    "Aurora",
    "Bamboo",
    "Basalt",
    "Beacon",
    "Birch",
    "Bluebell",
    "Bracken",
    "Breeze",
    "Brook",
    "Cactus",
    "Canyon",
    "Caraway",
    "Cascade",
    "Cedar",
    "Chestnut",
    "Cinder",
    "Clover",
    "Cobalt",
    "Comet",
    "Coral",
    "Cypress",
    "Dahlia",
    "Delta",
    "Dolphin",
    "Dune",
    "Eagle",
    "Ebony",
    "Ember",
    "Estuary",
    "Falcon",
    "Fern",
    "Finch",
    "Fjord",
    "Flint",
    "Fountain",
    "Garnet",
    "Geyser",
    "Ginger",
    "Glacier",
    "Granite",
    "Grove",
    "Gull",
    "Hawthorn",
    "Hazel",
    "Heron",
    "Holly",
    "Horizon",
    "Indigo",
    "Iris",
    "Ivory",
    "Jade",
    "Jasmine",
    "Juniper",
    "Kestrel",
    "Lagoon",
    "Larch",
    "Laurel",
    "Lavender",
    "Lichen",
    "Linden",
    "Lotus",
    "Lunar",
    "Magnolia",
    "Maple",
    "Marble",
    "Meadow",
    "Mint",
    "Moss",
    "Nectar",
    "Nimbus",
    "Nutmeg",
    "Oasis",
    "Olive",
    "Onyx",
    "Opal",
    "Orchid",
    "Osprey",
    "Otter",
    "Papaya",
    "Pebble",
    "Pepper",
    "Pine",
    "Plover",
    "Poplar",
    "Prairie",
    "Quartz",
    "Quill",
    "Raven",
    "Reef",
    "River",
    "Rowan",
    "Saffron",
    "Sage",
    "Sandstone",
    "Sequoia",
    "Sparrow",
    "Summit",
    "Teal",
    "Thistle",
    "Tundra",
    "Violet",
    "Willow",
];

const TRADES: [&str; 24] = [
    "Bakery",
    "Biotech",
    "Books",
    "Clinics",
    "Coffee",
    "Dairy",
    "Energy",
    "Fashion",
    "Foods",
    "Freight",
    "Furniture",
    "Games",
    "Hotels",
    "Insurance",
    "Law",
    "Logistics",
    "Media",
    "Optics",
    "Outdoor",
    "Pharma",
    "Rail",
    "Robotics",
    "Schools",
    "Textiles",
];

const FIRST_NAMES: [&str; 20] = [
    "Alex", "Bela", "Chris", "Dana", "Eli", "Fran", "Gale", "Hollis", "Ines", "Jo", "Kim", "Lee", "Max",
    "Noa", "Pat", "Quinn", "Robin", "Sam", "Toni", "Uli",
];

const LAST_NAMES: [&str; 18] = [
    "Adler", "Bishop", "Castle", "Drummer", "Elm", "Fisher", "Gardner", "Hunter", "Joiner", "Keeper",
    "Miller", "Potter", "Ranger", "Smith", "Tanner", "Walker", "Weaver", "Wright",
];

/// How many customers can be named.
#[cfg(test)]
pub(super) const MOST_CUSTOMERS: usize = FIRST_WORDS.len();

/// The first word of the `nth` customer's name. Strides through the alphabet, so that what the world makes one after
/// the other does not stand together in a list by name.
fn first_word(nth: u32) -> &'static str {
    FIRST_WORDS.get(nth as usize * 37 % FIRST_WORDS.len()).copied().unwrap_or_default()
}

/// The `nth` customer's name.
pub(super) fn company(nth: u32) -> String {
    format!("{} {}", first_word(nth), Dice::new("trade", nth).word(&TRADES))
}

/// The `nth` customer's domain.
pub(super) fn domain(nth: u32) -> String {
    format!("{}.example", first_word(nth).to_ascii_lowercase())
}

/// The `nth` person's first and last name.
pub(super) fn person(nth: u32) -> (&'static str, &'static str) {
    let mut dice = Dice::new("person", nth);
    (dice.word(&FIRST_NAMES), dice.word(&LAST_NAMES))
}
