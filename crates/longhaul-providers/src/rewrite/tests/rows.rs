//! What becomes of a request at another target: rows of `rewrites.json`, each with its source.

use bytes::Bytes;
use http::{Request, request::Parts};
use longhaul::{
    Resolution, Workload, detect,
    fallback::{Dialect, Pixels, RatioPlacement, Resolutions, Rewrite, Sizes, SkipReason, Target},
};
use serde_json::Value as Json;

use super::{
    super::{ProviderRewrite, ratio::Ratio, size::fit_pixels},
    asked, keywords, route, seedream,
};

fn target(name: &str) -> Target {
    let mut target = route(name);
    match name {
        "seedream" => return seedream(),
        "gemini" => {
            target.dialect = Dialect::Gemini;
            target.model = Some("gemini-3-pro-image".to_owned());
            target.sizes = Sizes::Keywords(keywords(|_| {}));
        }
        "flash" => {
            target.dialect = Dialect::Gemini;
            target.model = Some("gemini-2.5-flash-image".to_owned());
            target.resolutions = Resolutions::between(Resolution::K1, Resolution::K1);
            target.sizes = Sizes::Keywords(keywords(|words| words.k1.clear()));
        }
        "pixels" => {
            target.dialect = Dialect::OpenAiImages;
            target.model = Some("gpt-image-2".to_owned());
            target.sizes = Sizes::Pixels(Pixels::new(655_360, 3840 * 2160, 16));
        }
        "words" => {
            target.dialect = Dialect::OpenAiImages;
            target.sizes = Sizes::Keywords(keywords(|words| {
                words.k2 = "2k".to_owned();
                words.ratio = RatioPlacement::Field("aspect_ratio".to_owned());
            }));
        }
        "direct" => target.url = "http://direct.example:16888".to_owned(),
        unknown => panic!("{unknown} is no target"),
    }
    target
}

fn head(path: &str) -> Parts {
    let request = Request::post(format!("https://first.example{path}"));
    request.body(()).unwrap().into_parts().0
}

#[tokio::test(start_paused = true)]
async fn each_row_becomes_what_it_says() {
    let rows: Vec<Json> = serde_json::from_str(include_str!("rewrites.json")).unwrap();
    for row in rows {
        let why = &row["why"];
        let body = Bytes::from(row["body"].to_string());
        let head = head(row["path"].as_str().unwrap());
        let workload = detect::workload(&head, &body);
        let target = target(row["target"].as_str().unwrap());
        match asked(target, head, body, workload).await {
            Ok((head, body)) => {
                let json: Json = serde_json::from_slice(&body).unwrap();
                assert_eq!(json, row["becomes"], "{why}");
                if let Some(uri) = row["uri"].as_str() {
                    assert_eq!(head.uri, uri, "{why}");
                }
                let workload = head.extensions.get::<Workload>().unwrap();
                assert_eq!(workload.resolution.name(), row["resolution"], "{why}");
                assert_eq!(head.headers["content-length"], body.len().to_string());
            }
            Err(skipped) => {
                assert_eq!(
                    format!("{skipped:?}"),
                    row["skipped"].as_str().unwrap_or("not skipped"),
                    "{why}"
                );
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_detector_the_body_says_the_size() {
    let body = Bytes::from(r#"{"prompt":"a hat","size":"1024x1024"}"#);
    let head = head("/v1/images/generations");
    let (head, _) = asked(target("seedream"), head, body, Workload::default())
        .await
        .unwrap();
    let workload = head.extensions.get::<Workload>().unwrap();
    assert_eq!(workload.resolution, Resolution::K2);
}

#[tokio::test(start_paused = true)]
async fn too_many_references_are_refused() {
    let mut few = target("seedream");
    few.max_references = Some(1);
    let part = r#"{"inlineData":{"mimeType":"image/png","data":"AA"}}"#;
    let body = format!(r#"{{"contents":[{{"parts":[{{"text":"a"}},{part},{part}]}}]}}"#);
    let head = head("/v1beta/models/m:generateContent");
    // Nobody counted them before.
    let uncounted = Workload::of(Resolution::K2);
    let refused = asked(few, head, body.into(), uncounted).await;
    assert_eq!(refused.unwrap_err(), SkipReason::References);
}

/// Every size of Google's table has the ratio by whose name it is sold.
#[test]
fn real_sizes_have_the_ratio_they_are_named_by() {
    for (name, sizes) in [
        ("1:1", [(1024, 1024), (2048, 2048), (4096, 4096)]),
        ("2:3", [(848, 1264), (1696, 2528), (3392, 5056)]),
        ("4:3", [(1200, 896), (2400, 1792), (4800, 3584)]),
        ("4:5", [(928, 1152), (1856, 2304), (3712, 4608)]),
        ("16:9", [(1376, 768), (2752, 1536), (5504, 3072)]),
        ("21:9", [(1584, 672), (3168, 1344), (6336, 2688)]),
        ("16:9", [(1792, 1024), (1344, 768), (3840, 2160)]),
        ("7:1", [(700, 100), (1400, 200), (7, 1)]),
    ] {
        for (width, height) in sizes {
            let ratio = Ratio::of(width, height).unwrap();
            assert_eq!(ratio.to_string(), name, "{width}x{height}");
        }
    }
    assert_eq!(Ratio::of(0, 1), None);
    assert_eq!(Ratio::parse("1:0"), None);
}

proptest::proptest! {
    /// Whatever shape and area are asked for: what comes out is within the range, and close to the shape.
    #[test]
    fn fitted_pixels_are_within_the_range(
        width in 1_u64..8192,
        height in 1_u64..8192,
        area in 1_u64..40_000_000,
    ) {
        let range = Pixels::new(3_686_400, 16_777_216, 16);
        let shape = Ratio::of(width, height).unwrap();
        proptest::prop_assume!(shape.is_within(16));
        let (width, height) = fit_pixels(&range, area, shape).unwrap();
        proptest::prop_assert!((range.min..=range.max).contains(&(width * height)));
        proptest::prop_assert!(width % 16 == 0 && height % 16 == 0);
        let off = (width as f64 / height as f64) / shape.value();
        proptest::prop_assert!((0.95..1.05).contains(&off), "{width}x{height} for {shape}");
    }

    /// Nothing that a request may say makes the rewriting panic.
    #[test]
    fn no_size_is_too_odd(size in "\\PC{0,12}|[0-9]{0,20}[x:*][0-9]{0,20}") {
        let body = serde_json::json!({"prompt": "a", "size": size}).to_string();
        for name in ["seedream", "gemini", "pixels", "words"] {
            let (head, body) = (head("/v1/images/generations"), Bytes::from(body.clone()));
            let _ = ProviderRewrite.rewrite(&target(name), head, body);
        }
    }
}
