//! What is compared of an entity, written in one way: words without accents and legal forms, street words in short, numbers
//! without spaces.

use crate::event::{Entity, EntityRef};
use crate::value::Value;

/// Numbers given out so that no two have the same.
pub const OFFICIAL: &[&str] = &["vat", "eori", "gln", "duns", "scac", "unlocode", "gtin", "vin", "plate", "licence"];

/// What is compared of an entity.
#[derive(Clone, Debug, PartialEq)]
pub struct Profile {
    pub entity: EntityRef,
    /// Name as it is written.
    pub name: String,
    /// Words of the name, each once, in order of the alphabet.
    pub words: Vec<String>,
    /// Address as it is written.
    pub address: String,
    pub house: Option<String>,
    /// Words that tell streets apart, the first of them first.
    pub street: Vec<String>,
    pub postcode: Option<String>,
    /// Digits.
    pub phone: Option<String>,
    pub email: Option<String>,
    /// Official numbers, by what they are.
    pub numbers: Vec<(&'static str, String)>,
}

/// Words that say how a company is constituted, not which one it is.
const LEGAL: &[&str] = &[
    "inc",
    "incorporated",
    "llc",
    "ltd",
    "limited",
    "corp",
    "corporation",
    "co",
    "company",
    "gmbh",
    "ag",
    "kg",
    "se",
    "bv",
    "nv",
    "sa",
    "sas",
    "sarl",
    "srl",
    "spa",
    "oy",
    "ab",
    "as",
    "aps",
    "plc",
    "llp",
    "the",
    "of",
    "and",
    "und",
    "et",
];

/// Words of addresses and how they are shortened.
const SHORT: &[(&str, &str)] = &[
    ("street", "st"),
    ("saint", "st"),
    ("strasse", "str"),
    ("avenue", "ave"),
    ("av", "ave"),
    ("road", "rd"),
    ("boulevard", "blvd"),
    ("drive", "dr"),
    ("place", "pl"),
    ("court", "ct"),
    ("lane", "ln"),
    ("parkway", "pkwy"),
    ("highway", "hwy"),
    ("square", "sq"),
    ("terrace", "ter"),
    ("suite", "ste"),
    ("north", "n"),
    ("south", "s"),
    ("east", "e"),
    ("west", "w"),
];

/// Words that many streets share.
const COMMON: &[&str] =
    &["n", "s", "e", "w", "st", "str", "ave", "rd", "blvd", "dr", "pl", "ct", "ln", "pkwy", "hwy", "sq", "ter", "ste"];

/// Digits that a telephone number must have to be compared, and by which it is found whatever stands before them.
const PHONE_DIGITS: usize = 7;

impl Profile {
    /// The profile of an entity as it stands.
    pub fn of(entity: &Entity) -> Self {
        let data = &entity.data;
        let text = |field: &str| data.get(field).and_then(Value::as_text).unwrap_or_default();
        let name = ["name", "legal_name", "description"].into_iter().map(text).find(|name| !name.is_empty());
        let mut numbers = Vec::new();
        for kind in OFFICIAL.iter().copied() {
            let number = plain_number(text(kind));
            if number.len() > 2 {
                numbers.push((kind, number));
            }
        }
        for gtin in data.get("gtins").and_then(Value::as_list).unwrap_or_default() {
            let number = plain_number(gtin.as_text().unwrap_or_default()).trim_start_matches('0').to_owned();
            if number.len() > 2 {
                numbers.push(("gtin", number));
            }
        }
        let email = text("email").trim().to_lowercase();
        let mut profile = Self {
            entity: entity.name.clone(),
            name: name.unwrap_or_default().to_owned(),
            words: name_words(name.unwrap_or_default()),
            address: String::new(),
            house: None,
            street: Vec::new(),
            postcode: None,
            phone: phone(text("phone")),
            email: email.contains('@').then_some(email),
            numbers,
        };
        if let Some(address) = data.get("address") {
            profile.set_address(address);
        }
        profile
    }

    fn set_address(&mut self, address: &Value) {
        let text = |field: &str| address.get(field).and_then(Value::as_text).unwrap_or_default();
        let lines = address.get("lines").and_then(Value::as_list).unwrap_or_default();
        let street: Vec<&str> = lines.iter().filter_map(Value::as_text).collect();
        let street = street.join(" ");
        let shown = [&*street, text("house_number"), text("postcode"), text("city")];
        self.address = shown.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ");
        let mut parts = address_words(&street);
        let postcode = plain_number(text("postcode"));
        self.postcode = (!postcode.is_empty()).then_some(postcode);
        if self.postcode.is_none()
            && parts.len() > 2
            && let Some(last) = parts.last().filter(|last| last.len() == 5 && is_digits(last))
        {
            self.postcode = Some(last.clone());
            parts.pop();
        }
        let starts = |word: &String| word.starts_with(|c: char| c.is_ascii_digit());
        let given = address_words(text("house_number")).into_iter().next();
        // "12 Main St", "Hauptstr. 12".
        self.house = match given {
            Some(house) => Some(house),
            None if parts.first().is_some_and(starts) => Some(parts.remove(0)),
            None => match parts.iter().rposition(starts) {
                Some(place) if place > 0 => Some(parts.remove(place)),
                _ => None,
            },
        };
        let (postcode, places) =
            (self.postcode.clone(), address_words(&format!("{} {}", text("city"), text("region"))));
        parts.retain(|word| Some(word) != postcode.as_ref() && !places.contains(word));
        let telling: Vec<String> = parts.iter().filter(|word| !COMMON.contains(&word.as_str())).cloned().collect();
        self.street = if telling.is_empty() { parts } else { telling };
    }
}

/// Words of a name, each once.
pub fn name_words(name: &str) -> Vec<String> {
    let all = words(name);
    let mut telling: Vec<String> = all.iter().filter(|word| !LEGAL.contains(&word.as_str())).cloned().collect();
    if telling.is_empty() {
        telling = all;
    }
    telling.sort();
    telling.dedup();
    telling
}

fn address_words(text: &str) -> Vec<String> {
    let short =
        |word: String| SHORT.iter().find(|(long, _)| *long == word).map_or(word, |(_, short)| (*short).to_owned());
    words(text).into_iter().map(short).collect()
}

/// Lower case, without accents and punctuation.
fn words(text: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    for c in text.chars().flat_map(char::to_lowercase) {
        match c {
            '\'' | '’' | '.' => {}
            c if c.is_alphanumeric() => {
                if let Some(word) = words.last_mut() {
                    unaccented(c, word);
                }
            }
            _ => words.push(String::new()),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

fn unaccented(c: char, into: &mut String) {
    let plain = match c {
        'à' | 'á' | 'â' | 'ã' | 'ä' | 'å' | 'ā' | 'ă' | 'ą' => "a",
        'ç' | 'ć' | 'č' => "c",
        'ď' | 'đ' => "d",
        'è' | 'é' | 'ê' | 'ë' | 'ē' | 'ę' | 'ě' => "e",
        'ğ' => "g",
        'ì' | 'í' | 'î' | 'ï' | 'ī' | 'ı' => "i",
        'ł' | 'ľ' => "l",
        'ñ' | 'ń' | 'ň' => "n",
        'ò' | 'ó' | 'ô' | 'õ' | 'ö' | 'ø' | 'ō' | 'ő' => "o",
        'ř' => "r",
        'ś' | 'š' | 'ş' | 'ș' => "s",
        'ß' => "ss",
        'ť' | 'ț' => "t",
        'ù' | 'ú' | 'û' | 'ü' | 'ū' | 'ů' | 'ű' => "u",
        'ý' | 'ÿ' => "y",
        'ź' | 'ż' | 'ž' => "z",
        'æ' => "ae",
        'œ' => "oe",
        c => return into.push(c),
    };
    into.push_str(plain);
}

fn plain_number(text: &str) -> String {
    text.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_uppercase()).collect()
}

fn phone(text: &str) -> Option<String> {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    (digits.len() >= PHONE_DIGITS).then_some(digits)
}

/// The digits by which a number is found whatever stands before them.
pub fn short_phone(digits: &str) -> &str {
    &digits[digits.len().saturating_sub(PHONE_DIGITS)..]
}

/// Whether two numbers are the same, one of them perhaps without its country or area.
pub fn same_phone(one: &str, other: &str) -> bool {
    let strip = |digits: &str| digits.trim_start_matches('0').to_owned();
    let (one, other) = (strip(one), strip(other));
    one.ends_with(&other)
        || other.ends_with(&one)
        || short_phone(&one) == short_phone(&other) && one.len().min(other.len()) <= 10
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}
