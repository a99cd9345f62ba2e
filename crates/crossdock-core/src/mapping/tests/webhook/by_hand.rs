//! The mapping beside this file, written by hand in Rust over serde_json: what its speed is compared with.

/// The baseline: the same mapping, written by hand for this one message.
pub fn by_hand(message: &serde_json::Value) -> Option<serde_json::Value> {
    let stop = &message["stop"];
    let items = stop["items"].as_array()?;
    let mut reference = stop["ref"].as_str()?.split('/');
    let number = |item: &serde_json::Value, name: &str| item[name].as_i64();
    let in_full = |item| Some(number(item, "delivered")? >= number(item, "ordered")?);
    let status = if items.iter().all(|item| in_full(item) == Some(true)) {
        "delivered"
    } else if items.iter().any(|item| number(item, "delivered") > Some(0)) {
        "partially_delivered"
    } else {
        "refused"
    };
    let local = |name: &str| -> Option<String> {
        let time = jiff::civil::DateTime::strptime("%d.%m.%Y %H:%M", stop[name].as_str()?).ok()?;
        let zoned = time.in_tz(stop["tz"].as_str()?).ok()?;
        Some(zoned.timestamp().display_with_offset(zoned.offset()).to_string())
    };
    let reported: jiff::Timestamp = message["time"].as_str()?.parse().ok()?;
    let lines: Option<Vec<serde_json::Value>> =
        items.iter().enumerate().map(|(position, item)| line_by_hand(position, item)).collect();
    let notes: Option<Vec<&str>> = stop["notes"].as_array()?.iter().map(|note| note.as_str()).collect();
    Some(serde_json::json!({
        "shipment": reference.next()?,
        "stop_sequence": reference.next()?.parse::<i64>().ok()?,
        "status": status,
        "reported_at": reported.to_string(),
        "arrived_at": local("arrivedAt")?,
        "departed_at": local("departedAt")?,
        "vehicle": { "id": message["vehicle"]["id"], "name": message["vehicle"]["name"] },
        "driver": { "id": message["driver"]["id"], "name": message["driver"]["name"] },
        "position": { "latitude": stop["geo"]["lat"], "longitude": stop["geo"]["lng"] },
        "proof": {
            "signed_by": stop["pod"]["signedBy"].as_str().unwrap_or("unknown"),
            "signature": stop["pod"]["image"],
            "photos": stop["pod"].get("photos").cloned().unwrap_or_else(|| serde_json::json!([])),
            "note": notes?.join("; "),
        },
        "lines": lines?,
    }))
}

fn line_by_hand(position: usize, item: &serde_json::Value) -> Option<serde_json::Value> {
    let (ordered, delivered) = (item["ordered"].as_i64()?, item["delivered"].as_i64()?);
    let unit = match item["unit"].as_str()? {
        "PLT" => "PF",
        "CTN" => "CT",
        "PCE" => "EA",
        _ => return None,
    };
    let amount = (item["price"].as_f64()? * delivered as f64 * 100.0).round() / 100.0;
    let mut line = serde_json::json!({
        "line": position + 1,
        "sku": item["code"],
        "quantity": { "value": delivered, "unit": unit },
        "complete": delivered >= ordered,
        "weight_kg": item["kg"].as_str()?.parse::<f64>().ok()?,
        "amount": amount,
    });
    if delivered < ordered {
        let reason = match item["reason"].as_str() {
            Some("DMG") => "damaged",
            Some("MIS") => "missing",
            Some("REF") => "refused",
            Some(_) => return None,
            None => "unspecified",
        };
        line["short"] = serde_json::json!({ "quantity": ordered - delivered, "reason": reason });
    }
    Some(line)
}
