"""Made-up names, as various as the people who work in the UK's public bodies."""

import random
import re
import unicodedata
from collections.abc import Callable

# (weight, given names, family names): drawn from one community at a time, with some mixing, as families do.
_COMMUNITIES: list[tuple[int, str, str]] = [
    (
        34,
        "Alison Bridget Clive Daphne Edmund Frances Gareth Hazel Imogen Jocelyn Kenneth Lorna Marcus Nadine Oliver "
        "Philippa Quentin Rosalind Simon Tamsin Ursula Verity Wilfred Yvonne Zoe Adrian Bryony Callum Deborah Ewan "
        "Felicity Graham Harriet Isaac Jemima Kerry Leonard Maxine Nigel Olwen Penelope Rupert Stella Toby Vivienne "
        "Winifred Barnaby Cordelia Desmond Elspeth",
        "Ackroyd Birtwhistle Cattermole Dunkerley Entwistle Featherstonehaugh Garside Hebblethwaite Ibbotson Jagger "
        "Kitchingman Lumley Micklethwaite Nettleship Oldroyd Postlethwaite Quarmby Ramsbottom Sidebottom Thistlewood "
        "Uttley Vickerstaff Wolstenholme Yardley Applegarth Bracegirdle Copplestone Drinkwater Eastlake Fairweather "
        "Goodenough Hardcastle Inskip Jellicoe Kettlewell Lightbody Merryweather Nightingale Orchard Pennyfather "
        "Rowbotham Shufflebottom Tregaskis Trevithick Underhill Venables Whitlock Wrigglesworth Tolliver Penhaligon "
        "Mountjoy Ashworth-Bell Marchbanks Cholmondeley-Reeve",
    ),
    (
        9,
        "Aled Bronwen Carys Dafydd Eleri Ffion Gethin Heledd Ieuan Lowri Mared Nerys Owain Rhiannon Siân Teleri "
        "Tegid Angharad Guto Llŷr Menna Myfanwy Iorwerth Cerys Gwenllïan",
        "ap-Dafydd Bevan-Rees Cadwaladr Eynon Gethin-Hughes Gwilliam Havard Ithell Jenkinson Kendrick Llywelyn "
        "Maddocks Nicholas-Wyn Probert Pugh-Roberts Rhydderch Tudur Vaughan-Powys Wogan Ynyr Prydderch Bowen-Ellis",
    ),
    (
        9,
        "Ailsa Hamish Catriona Fergus Iona Lachlan Mairi Ruaridh Shona Torquil Eilidh Alasdair Kirsty Murdo Una "
        "Mhairi Gregor Isla Struan Beathag",
        "MacAskill-Reid Abernethy Buchanan-Tait Carnegie Dalrymple Erskine-Muir Farquharson Galbraith Haldane Innes "
        "Jardine-Lyall Kinloch Lorimer MacGillivray McClure-Aird Nairn Ogilvie Pitcairn Rankine Strachan Tulloch "
        "Urquhart Wemyss MacIlwraith",
    ),
    (
        7,
        "Aoife Brendan Ciarán Deirdre Éamonn Fionnuala Gráinne Niall Oisín Pádraig Róisín Siobhán Tiernan Úna "
        "Sorcha Caoimhe Fiachra Bláthnaid",
        "O'Dwyer O'Hanlon-Ward MacGiolla Ó_Ceallaigh Ní_Dhomhnaill Breathnach Cullinane Devenney O'Rahilly Gilhooly "
        "Heaslip Kilbride Loughrey McAnespie Mulqueen Nulty O'Sullivan-Bray Quilligan Rafferty Toolan",
    ),
    (
        15,
        "Aaliyah Bilal Chandni Devika Ehsan Farzana Gurmeet Harjit Imran Jaspreet Kavita Lakshmi Manpreet Nusrat "
        "Omkar Pritam Qasim Rukhsana Sunita Tariq Usha Vikram Yasmin Zubair Anjali Balwinder Deepa Faisal Hina Ishaan "
        "Kiran Meera Naveed Parveen Rakesh Shabnam Tahmina Mehwish",
        "Ahluwalia Begum-Khan Chaudhry-Noor Deshmukh Fernandopulle Gunawardena Hussain-Mir Iyengar Jayasuriya Kandola "
        "Lalvani Mukhopadhyay Nagarajan Oberoi Pathmanathan Qureshi-Dean Rahimtoola Sandhu-Lane Talwar Uddin-Rowe "
        "Venkataraman Wickramasinghe Yousafzai-Bell Zaidi Bhattacharya Chakraborty Ghataura Sivasubramaniam "
        "Balasubramanian Thiruchelvam Kaur-Benning Matharu Rahman-Ellis",
    ),
    (
        7,
        "Agnieszka Bogdan Celina Dariusz Elżbieta Grażyna Halina Jarosław Kinga Łukasz Małgorzata Przemysław Radosław "
        "Stanisława Wojciech Zdzisława Żaneta Bożena Ștefan Ioana Vytautas Rūta",
        "Brzęczyszczykiewicz Ciesielski-Cooke Dąbrowiecki Gąsiorowska Jędrzejewski Kołodziejczak Łuczak Mroczkowska "
        "Niedźwiecki Ostrowski-Lamb Pietrzykowski Rzepecka Szczepańska Świątek-Bray Trzebiatowski Wróblewska-Hart "
        "Zawadzki-Moore Żebrowska Ionescu-Pike Šimkutė",
    ),
    (
        9,
        "Adaeze Babatunde Chidinma Damilola Ebele Folasade Gbenga Ifeoma Jideofor Kehinde Ngozi Obinna Olufunmilayo "
        "Temitope Uchenna Yetunde Abena Kwabena Akosua Kofi Esi Tendai Nyasha Wanjiru Hodan",
        "Abiodun-Cole Balogun-Hill Chukwuemeka Daramola Ezekwesili-Hart Fashola-Wing Gyamfi Ihejirika Jolaoso Kuforiji "
        "Lasisi-Byrne Mbadiwe Nwachukwu-Gray Ogunbanjo Olatunji-Mead Quartey Tetteh Udechukwu Wachira Yeboah-Marsh "
        "Mutasa Oyelowo-Sands Oluwaseun-Adebayo-Ogundipe Asamoah Warsame-Holt",
    ),
    (
        5,
        "Chenguang Daiyu Hao Jing Kwok-Wai Ling Mei-Xing Peng Qiaolian Ruolan Shu-Fen Tsz-Kit Wai-Yee Xiaoming Yifan "
        "Zhihao Minh-Châu Thị-Hương Sook-Ja",
        "Au-Yeung Cheung-Rice Deng Fong-Walker Guan Hsieh Jiang-Cross Kwan Leung-Brook Mok Ngai Ouyang Pang Qiu Shum "
        "Tsang-Field Wan-Hughes Xie Yip Zheng-Moss Nguyễn-Lord Phạm",
    ),
    (
        5,
        "Delroy Marlon Chantelle Winston Althea Clovis Jermaine Shanice Errol Beverley Amália Joaquim Leïla Mehmet "
        "Ayşe Giulia Xanthe Zoë François Björn Yusuf Parisa Farhad Ximena",
        "Braithwaite-Jude Campbell-Osei Delapenha Francis-Toussaint Grantley-Pope Hinkson Josephs-Bright Lindo "
        "Mascarenhas Nogueira Özdemir Çelik-Ward Papadimitriou Rosário Stavrou Vandersteen Müller-Finch Bolaños "
        "Haddad-Pryor Tehrani-Sloane Fitz-Desormeaux",
    ),
]

# Whoever's name breaks a form, a column or a sort in other people's systems.
AWKWARD = [
    "Björk-Áslaug",
    "Sukarnoputra",
    "Nj",
    "Wolfeschlegelsteinhausen-Bergerdorff-Featherstonehaugh-Cholmondeley",
    "Maximiliana Theodora Wilhelmina Anastasia Featherstonehaugh-Ruthven-Cholmondeley-Penhaligon",
    "D'Arcy O'Hanrahan-d'Estaing",
    "Seán Óg Ó hAilpín-Fayemi",
    "José María de la Concepción Álvarez de Sotomayor y Urquijo-Barrowclough",
    "Null Trevanion",
    "Æthelflæd Þórsdóttir-Wynn",
    "Ng Sze-Ki",
    "Nalani Ka'ahumanu-Fielding",
]

_PLAIN = str.maketrans(
    {"ł": "l", "Ł": "L", "ø": "o", "Þ": "Th", "þ": "th", "Æ": "Ae", "æ": "ae", "ß": "ss", "\u0131": "i"}
)


def plain(text: str) -> str:
    """The text in the letters, digits, apostrophes and hyphens that a mail address bears, lower case."""
    stripped = unicodedata.normalize("NFKD", text.translate(_PLAIN)).encode("ascii", "ignore").decode()
    words = re.sub(r"[^a-z0-9'-]+", ".", stripped.lower())
    return words[:48].strip(".-'")


def namer(rng: random.Random) -> Callable[[], str]:
    """A function that gives a new name at each call, never the same one twice."""
    pools = [([g.replace("_", " ") for g in given.split()], family.split()) for _, given, family in _COMMUNITIES]
    weights = [weight for weight, _, _ in _COMMUNITIES]
    used: set[str] = set()

    def name() -> str:
        while True:
            home = rng.choices(pools, weights)[0]
            married = rng.choices(pools, weights)[0] if rng.random() < 0.12 else home
            made = f"{rng.choice(home[0])} {rng.choice(married[1]).replace('_', ' ')}"
            if made not in used:
                used.add(made)
                return made

    return name
