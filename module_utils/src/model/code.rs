//! What a caller can branch on: conflicts, causes, refusals and reasons. docs/errors.md has a section for each code.

/// Something with a code for programs, beside its message for people.
///
/// Codes are an interface: they may be added, but never change their meaning.
pub trait Coded {
    /// The code, such as `diverged`.
    fn code(&self) -> &'static str;
}

/// Gives each variant of an enum its code; several may share one. No variant can be forgotten, and none that is renamed changes
/// what programs read.
macro_rules! codes {
    ($name:ident { $($variant:ident => $code:literal,)+ }) => {
        impl $name {
            /// All codes, in the order of the variants.
            pub const CODES: &'static [&'static str] = &[$($code),+];
        }

        impl $crate::model::code::Coded for $name {
            #[allow(clippy::match_same_arms, reason = "several variants may share a code")]
            fn code(&self) -> &'static str {
                match self {
                    $(Self::$variant { .. } => $code,)+
                }
            }
        }
    };
}

pub(crate) use codes;

#[cfg(test)]
mod tests {
    use super::Coded;

    enum Trouble {
        Here,
        There(()),
        Nowhere { since: () },
    }

    codes! {
        Trouble {
            Here => "here",
            There => "elsewhere",
            Nowhere => "elsewhere",
        }
    }

    #[test]
    fn codes_are_told_of_variants_of_any_shape() {
        let all = [Trouble::Here, Trouble::There(()), Trouble::Nowhere { since: () }];
        assert!(matches!(all[2], Trouble::Nowhere { since: () }));
        assert_eq!(all.map(|trouble| trouble.code()).as_slice(), Trouble::CODES);
    }
}
